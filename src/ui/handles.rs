//! `window.kafkarium`: what the stage shows as JSON, and one action at a time in the terminal's
//! words. Part of the product, kept stable for automation.

use crate::base::SortedMap;
use crate::host::protocol::{FromConductor, Shown};
use crate::node::ProcessView;
use crate::ui::context::real_ms;
use crate::ui::link::Conductor;
use crate::ui::live::Live;
use crate::ui::model::groups::groups;
use crate::ui::model::partitions::partitions;
use crate::world::action::Action;
use crate::world::picture::{Picture, ProcessCard, ProcessState};
use js_sys::{Function, Object, Promise, Reflect};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;

/// Actions that were asked for through the handle and wait for their answer.
#[derive(Clone, Default)]
pub struct Handles(Rc<RefCell<SortedMap<u64, (Function, Function)>>>);

impl Handles {
    /// Puts `window.kafkarium` in place. It stays for as long as the page.
    pub fn install(&self, conductor: &Conductor, live: &Live) {
        let handle = Object::new();
        let seen = live.clone();
        let view = Closure::<dyn Fn() -> JsValue>::new(move || {
            let shown = seen.shown();
            shown.map_or(JsValue::NULL, |shown| to_js(&describe(&shown, &seen)))
        });
        let (waiting, conductor) = (self.clone(), conductor.clone());
        let act = Closure::<dyn Fn(String) -> Promise>::new(move |words: String| {
            Promise::new(&mut |resolve, reject| match words.parse::<Action>() {
                Ok(action) => {
                    let id = conductor.act(action);
                    waiting.0.borrow_mut().insert(id, (resolve, reject));
                }
                Err(error) => {
                    // Calling a promise's own function cannot throw.
                    let _ = reject.call1(&JsValue::NULL, &JsValue::from(error.to_string()));
                }
            })
        });
        let put = |name: &str, value: &JsValue| Reflect::set(&handle, &name.into(), value).is_ok();
        let is_whole = put("view", view.as_ref()) && put("act", act.as_ref());
        view.forget();
        act.forget();
        if let Some(window) = web_sys::window().filter(|_| is_whole) {
            // A page that froze its window has no handle; nothing else depends on it.
            let _ = Reflect::set(&window, &"kafkarium".into(), &handle);
        }
    }

    /// Hands an answer to whoever asked through the handle.
    pub fn settle(&self, message: &FromConductor) {
        let FromConductor::Answer { id, outcome } = message else { return };
        let Some((resolve, reject)) = self.0.borrow_mut().remove(id) else { return };
        let _ = match outcome {
            Ok(words) => resolve.call1(&JsValue::NULL, &words.into()),
            Err(words) => reject.call1(&JsValue::NULL, &words.into()),
        };
    }
}

fn to_js(value: &Value) -> JsValue {
    js_sys::JSON::parse(&value.to_string()).unwrap_or(JsValue::NULL)
}

/// What the stage shows.
fn describe(shown: &Shown, live: &Live) -> Value {
    let picture = &shown.picture;
    let truth = partitions(picture);
    let mut partitions_json = Map::new();
    for (partition, state) in &truth {
        let log_end: Map<String, Value> =
            state.log_end.iter().map(|(broker, end)| (broker.to_string(), json!(end))).collect();
        let entry = json!({
            "topic": partition.topic, "partition": partition.partition,
            "leader": state.leader, "leader_epoch": state.leader_epoch, "isr": state.isr,
            "replicas": state.assigned, "high_watermark": state.high_watermark,
            "log_end_offset": log_end, "health": state.health(),
        });
        partitions_json.insert(partition.to_string(), entry);
    }
    let mut groups_json = Map::new();
    for group in groups(picture, &truth) {
        let members: Vec<Value> = group.members.iter().map(|member| {
            let owned: Vec<Value> = member.owned.iter().map(|owned| json!({
                "partition": owned.partition.to_string(), "position": owned.position, "lag": owned.lag,
            })).collect();
            json!({ "process": member.name, "member": member.member, "assignment": owned, "consumed": member.consumed })
        }).collect();
        let committed: Map<String, Value> = group
            .committed
            .iter()
            .map(|(partition, offset)| (partition.to_string(), json!(offset)))
            .collect();
        groups_json.insert(group.group.clone(), json!({
            "state": group.state, "generation": group.generation, "coordinator": group.coordinator,
            "members": members, "committed": committed,
        }));
    }
    let processes: Map<String, Value> =
        picture.processes.iter().map(|card| (card.name.clone(), process(card))).collect();
    json!({
        "now_us": live.clock(real_ms()).as_micros(),
        "picture_us": picture.now.as_micros(), "epoch_us": picture.epoch.as_micros(),
        "seed": picture.seed.to_string(), "events": picture.events_total,
        "trace_hash": format!("{:016x}", picture.trace_hash),
        "playing": shown.playing, "speed": shown.speed, "in_flight": picture.flying.len(),
        "persistence": format!("{:?}", shown.persistence), "supervisor": picture.supervisor,
        "processes": processes, "partitions": partitions_json, "groups": groups_json,
        "zookeeper": zookeeper(picture), "lesson": lesson(shown),
        "rounds": shown.rounds.iter().map(|pace| json!({ "rounds": pace.rounds, "wall_us": pace.wall_us })).collect::<Vec<_>>(),
    })
}

fn process(card: &ProcessCard) -> Value {
    let (state, why) = match &card.state {
        ProcessState::Running => ("running", None),
        ProcessState::Paused => ("paused", None),
        ProcessState::Dead { why, .. } => ("dead", Some(why.clone())),
    };
    let mut entry = json!({
        "program": format!("{:?}", card.program).to_lowercase(), "state": state, "why": why,
        "incarnation": card.incarnation.0, "machine": card.machine, "powered": card.powered,
        "isolated": card.isolated.0 || card.isolated.1, "volume_bytes": card.volume_bytes,
    });
    let more = match card.view.as_deref() {
        Some(ProcessView::Broker(view)) => json!({
            "broker_id": view.broker_id, "broker_state": view.state, "controller_epoch": view.controller_epoch,
        }),
        Some(ProcessView::Producer(view)) => json!({
            "sent": view.sent, "acknowledged": view.acknowledged, "failed": view.failed,
            "retries": view.retries, "pending": view.pending,
        }),
        Some(ProcessView::Consumer(view)) => json!({
            "group": view.group, "consumer_state": view.state, "consumed": view.consumed,
        }),
        _ => Value::Null,
    };
    if let (Value::Object(entry), Value::Object(more)) = (&mut entry, more) {
        entry.extend(more);
    }
    entry
}

fn zookeeper(picture: &Picture) -> Value {
    let servers = picture.processes.iter().filter_map(|card| match card.view.as_deref() {
        Some(ProcessView::ZooKeeper(view)) => Some((
            card.name.clone(),
            json!({
                "role": view.role, "last_zxid": format!("0x{:x}", view.last_zxid),
                "sessions": view.sessions.len(), "znodes": view.znodes.len(),
            }),
        )),
        _ => None,
    });
    Value::Object(servers.collect())
}

fn lesson(shown: &Shown) -> Value {
    shown.lesson.as_ref().map_or(Value::Null, |lesson| {
        json!({
            "name": lesson.name, "step": lesson.step, "steps": lesson.steps,
            "may_go_on": lesson.may_go_on, "may_go_back": lesson.may_go_back,
        })
    })
}
