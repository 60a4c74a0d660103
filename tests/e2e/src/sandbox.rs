//! The sandbox as the stories meet it: waiting until it stands, sending by the form, counting what can be read.

use std::time::Duration;

use serde_json::Value;

use crate::browser::Browser;

/// Real time that a busy machine may take for some tens of virtual seconds.
pub const PATIENCE: Duration = Duration::from_mins(3);

impl Browser {
    /// Waits until `orders` has leaders and the group `g1` shares it among its two members.
    pub fn wait_for_cluster(&self) {
        self.wait_at_most(PATIENCE, "the cluster to stand", || {
            let view = self.try_execute("return window.kafkarium.view();", &[]).ok()?;
            let group = &view["groups"]["g1"];
            let members = group["members"].as_array().map_or(0, Vec::len);
            let leader = &view["partitions"]["orders-0"]["leader"];
            (leader.is_i64() && group["state"] == "Stable" && members == 2).then_some(())
        });
    }

    /// Sends a record by the form, as a person does.
    pub fn send(&self, topic: &str, key: &str, value: &str) {
        self.find("combobox", "Topic").fill(topic);
        self.find("textbox", "Key").fill(key);
        self.find("textbox", "Value").fill(value);
        self.find("button", "Send").click();
    }
}

/// Records that consumers may read, in all partitions of `topic`.
pub fn readable(view: &Value, topic: &str) -> i64 {
    let partitions = view["partitions"].as_object().into_iter().flatten();
    let of_topic = partitions.filter(|(_, partition)| partition["topic"] == topic);
    of_topic.filter_map(|(_, partition)| partition["high_watermark"].as_i64()).sum()
}
