//! How many records a second of real time go from a producer through three brokers with acks=all, persisted, to a
//! consumer; and beside it how many three workers write that do nothing else.

use std::time::{Duration, Instant};

use e2e::{Browser, PATIENCE, Site};
use serde_json::{Value, json};

/// Real time for which the cluster is measured, after some to get going.
const STEADY: Duration = Duration::from_mins(1);
const WARM_UP: Duration = Duration::from_secs(20);
/// Virtual time after which brokers delete old segments: before that, logs only grow
/// (`kafka.log.LogManager.InitialTaskDelayMs`).
const RETENTION_AFTER_US: u64 = 35_000_000;
/// Real time for which the bare loop is measured.
const BARE: Duration = Duration::from_secs(15);
/// A broker takes the next request of a connection when the last one is answered, as Kafka's does; so with acks=all
/// what a producer sends in two trips is one batch for each partition. Here it is as large as Kafka's default would be
/// on a network ten times as fast.
const BATCH_BYTES: u64 = 131_072;
/// Kafka's `batch.size`, and a chunk of a file in a volume's database.
const CHUNK_BYTES: u64 = 16_384;
/// Bytes of a batch before its first record, and of a record beside its value.
const BATCH_OVERHEAD: u64 = 61;
const RECORD_OVERHEAD: u64 = 8;
/// With full logs a volume of 64 MiB holds two partitions; records one by one do not fill them.
const PARTITIONS_BATCHED: u32 = 2;
const PARTITIONS_UNBATCHED: u32 = 24;
const RETENTION_BYTES: u64 = 16 * 1024 * 1024;

/// Three workers, each with a database of its own, that put so many bytes in one transaction after the other,
/// over as many keys as a log keeps; how many transactions each had complete.
const BARE_LOOP: &str = "
    const [bytes, keys, milliseconds] = arguments;
    const work = `onmessage = ({ data: [name, bytes, keys, milliseconds] }) => {
      const opening = indexedDB.open(name, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore('chunks');
      opening.onsuccess = () => {
        const database = opening.result, chunk = new Uint8Array(bytes).fill(46);
        const end = performance.now() + milliseconds;
        let done = 0;
        const next = () => {
          if (performance.now() >= end) { database.close(); postMessage(done); return; }
          const transaction = database.transaction(['chunks'], 'readwrite');
          transaction.objectStore('chunks').put(chunk, done % keys);
          transaction.oncomplete = () => { done += 1; next(); };
          transaction.commit();
        };
        next();
      };
    };`;
    const source = URL.createObjectURL(new Blob([work], { type: 'text/javascript' }));
    const one = (number) => new Promise((resolve, reject) => {
      const worker = new Worker(source);
      worker.onmessage = ({ data }) => { worker.terminate(); resolve(data); };
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage([`bare/${number}`, bytes, keys, milliseconds]);
    });
    return await Promise.all([1, 2, 3].map(one));";

/// Values of 100 bytes and of 1 KiB, batched and one by one.
pub fn end_to_end(site: &Site) {
    for value_bytes in [100, 1_024] {
        for batched in [true, false] {
            let cluster = cluster(site, value_bytes, batched);
            let mut figures = cluster;
            let rate = figures["records_per_second"].as_f64().unwrap_or(0.0);
            let transactions = if batched {
                &[("a_chunk", CHUNK_BYTES), ("a_batch", BATCH_BYTES)][..]
            } else {
                &[("a_record", 0)]
            };
            // A transaction costs more than its bytes, so it matters for how much there is one.
            for (transaction, bytes) in transactions {
                let bare = bare_loop(site, value_bytes, *bytes);
                figures[format!("bare_records_per_second_by_{transaction}")] = json!(bare);
                figures[format!("part_of_bare_by_{transaction}")] = json!(rate / bare.max(1.0));
            }
            super::print(&figures);
        }
    }
}

/// Records of one transaction of the bare loop, at most so many bytes of them but one at least, and its bytes.
fn transaction(value_bytes: u64, bytes_max: u64) -> (u64, u64) {
    let record = value_bytes + RECORD_OVERHEAD;
    let records = (bytes_max.saturating_sub(BATCH_OVERHEAD) / record).max(1);
    (records, BATCH_OVERHEAD + records * record)
}

fn bare_loop(site: &Site, value_bytes: u64, bytes_max: u64) -> f64 {
    let browser = Browser::open();
    // A document of the same origin that runs no world.
    browser.goto(&format!("{}boot.js", site.url()));
    let (records, bytes) = transaction(value_bytes, bytes_max);
    let keys = RETENTION_BYTES * u64::from(PARTITIONS_BATCHED) / bytes;
    let milliseconds = u64::try_from(BARE.as_millis()).expect("some seconds");
    let done = browser.execute(BARE_LOOP, &[json!(bytes), json!(keys), json!(milliseconds)]);
    // Every record is on all three: the slowest worker says how many there are.
    let slowest = done.as_array().into_iter().flatten().filter_map(Value::as_u64).min();
    (slowest.unwrap_or(0) * records) as f64 / BARE.as_secs_f64()
}

fn cluster(site: &Site, value_bytes: u64, batched: bool) -> Value {
    let browser = Browser::open();
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": super::WATCH }));
    browser.goto(&format!("{}?seed=1&profile=browser&speed=max", site.url()));
    browser.wait_for_cluster();
    let (partitions, load) = if batched {
        let load = format!("batch.size={BATCH_BYTES} records.per.interval=4000");
        (PARTITIONS_BATCHED, load)
    } else {
        (PARTITIONS_UNBATCHED, "batch.size=0 records.per.interval=100".to_owned())
    };
    browser.act(&format!(
        "tell admin-1 create-topic load partitions={partitions} replication-factor=3 \
         segment.bytes=4194304 retention.bytes={RETENTION_BYTES} file.delete.delay.ms=0"
    ));
    browser.act("start reader consumer group.id=load topics=load auto.offset.reset=earliest max.poll.records=100000");
    browser.wait_at_most(PATIENCE, "the reader to have its partitions", || {
        let view = browser.view();
        let age_us = view["picture_us"].as_u64()? - view["epoch_us"].as_u64()?;
        let group = &view["groups"]["load"];
        let stands = group["state"] == "Stable" && view["partitions"]["load-0"]["leader"].is_i64();
        (stands && age_us > RETENTION_AFTER_US).then_some(())
    });
    browser.act(&format!(
        "start load producer acks=all topic=load interval.ms=5 buffer.memory=4194304 \
         record.size={value_bytes} {load}"
    ));
    std::thread::sleep(WARM_UP);
    browser.execute("window.__bench.frames = [];", &[]);
    let (begun, started) = (browser.view(), Instant::now());
    std::thread::sleep(STEADY);
    let (ended, wall) = (browser.view(), started.elapsed());
    let since = |what: &dyn Fn(&Value) -> u64| what(&ended) - what(&begun);
    let records = since(&|view| view["processes"]["reader"]["consumed"].as_u64().unwrap_or(0));
    let acknowledged =
        since(&|view| view["processes"]["load"]["acknowledged"].as_u64().unwrap_or(0));
    let virtual_us = since(&|view| view["picture_us"].as_u64().unwrap_or(0));
    let rounds = since(&|view| {
        let all = view["rounds"].as_array().into_iter().flatten();
        all.filter_map(|pace| pace["rounds"].as_u64()).sum()
    });
    let in_rounds_us = since(&|view| {
        let all = view["rounds"].as_array().into_iter().flatten();
        all.filter_map(|pace| pace["wall_us"].as_u64()).sum()
    });
    let mut figures = json!({
        "bench": "browser_end_to_end", "value_bytes": value_bytes, "batched": batched, "brokers": 3,
        "acks": "all", "partitions": partitions, "records": records, "acknowledged": acknowledged,
        "failed": ended["processes"]["load"]["failed"], "persistence": ended["persistence"],
        "wall_ms": u64::try_from(wall.as_millis()).unwrap_or(u64::MAX), "virtual_ms": virtual_us / 1_000,
        "rounds": rounds, "rounds_wall_ms": in_rounds_us / 1_000, "volume_bytes": ended["processes"]["broker-1"]["volume_bytes"],
        "records_per_second": records as f64 / wall.as_secs_f64(),
    });
    figures.as_object_mut().expect("an object").extend(super::frames(&browser));
    figures
}
