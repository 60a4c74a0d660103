use super::*;
use crate::base::TopicPartition;
use crate::node::{AdminCommand, ConsumerCommand, CrashPoint, OutgoingRecord};
use bytes::Bytes;
use proptest::prelude::*;

fn parse(text: &str) -> Action {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_config_named_like_a_word_of_create_topic_comes_back() {
    for key in ["partitions", "replication-factor"] {
        let command = Command::CreateTopic {
            topic: "t".into(),
            partitions: 1,
            replication_factor: 1,
            configs: vec![(key.to_owned(), "\u{8}x".to_owned())],
        };
        let action = Action::Tell { process: "admin-1".into(), command };
        assert_eq!(parse(&action.to_string()), action, "{action}");
    }
}

#[test]
fn the_words_of_the_terminal_are_understood() {
    assert_eq!(parse("kill broker-1"), Action::Kill("broker-1".into()));
    assert_eq!(parse("  power-off   \"a b\" "), Action::PowerOff("a b".into()));
    let isolate = |inbound, outbound| Action::Isolate { machine: "m".into(), inbound, outbound };
    assert_eq!(parse("isolate m"), isolate(true, true));
    assert_eq!(parse("isolate m out"), isolate(false, true));
    let produce = |records| Action::Tell {
        process: "producer-1".into(),
        command: Command::Produce { topic: "orders".into(), records },
    };
    let record = |key: Option<&'static str>, value: &'static str| OutgoingRecord {
        key: key.map(Bytes::from),
        value: Some(Bytes::from(value)),
        ..OutgoingRecord::default()
    };
    assert_eq!(
        parse("tell producer-1 produce orders k:v hello \"a b:c d\" 10\\:30"),
        produce(vec![
            record(Some("k"), "v"),
            record(None, "hello"),
            record(Some("a b"), "c d"),
            record(None, "10:30"),
        ])
    );
    let tombstone =
        OutgoingRecord { key: Some("k".into()), partition: Some(2), ..OutgoingRecord::default() };
    assert_eq!(parse("tell producer-1 produce orders @2/k:\\N"), produce(vec![tombstone]));
    let full = OutgoingRecord {
        key: Some("k".into()),
        value: Some("v#1".into()),
        partition: Some(2),
        headers: vec![("h".into(), Some("a b".into())), ("g".into(), None)],
        timestamp: Some(1_700_000_000_000),
    };
    let words = r#"tell producer-1 produce orders "@2/^1700000000000/#h=a b/#g=\N/k:v#1""#;
    assert_eq!(parse(words), produce(vec![full]));
    assert_eq!(
        parse("tell p produce every 2.5 topic=orders keys=a,b"),
        Action::Tell {
            process: "p".into(),
            command: Command::ProduceEvery {
                topic: "orders".into(),
                interval_us: 2_500,
                keys: vec!["a".into(), "b".into()],
            },
        }
    );
}

#[test]
fn a_wrong_word_is_named() {
    for (text, word) in [
        ("", ""),
        ("at noon kill a", "noon"),
        ("at 1 at 2 kill a", "at"),
        ("explode broker-1", "explode"),
        ("kill", "kill"),
        ("kill a b", "b"),
        ("isolate m sideways", "sideways"),
        ("latency m fast", "fast"),
        ("supervisor maybe", "maybe"),
        ("start c consumer groupid", "groupid"),
        ("tell p dance", "dance"),
        ("tell p seek t 0 far", "far"),
        ("tell p produce every 1.2345 topic=t", "1.2345"),
        ("tell p produce every 5", "5"),
        ("tell p create-topic t partitions=many", "many"),
        ("tell b dump-log", "dump-log"),
        ("tell a delete-topic", "delete-topic"),
        ("tell a delete-topic t u", "u"),
        ("tell a create-partitions t many", "many"),
        ("tell a reassign orders 1", "orders"),
        ("tell a reassign orders-0 1 two", "two"),
        ("tell c seek-to middle", "middle"),
        ("tell c pause orders", "orders"),
        ("tell c commit", "commit"),
        ("tell c commit later", "later"),
        ("tell c commit sync orders-0", "orders-0"),
        ("tell c commit sync orders-x=1", "orders-x"),
        ("tell c subscribe", "subscribe"),
        ("tell c unsubscribe now", "now"),
        ("tell c crash-after 1 sometime", "sometime"),
    ] {
        let error = text.parse::<Action>().expect_err(text);
        assert_eq!(error.word, word, "{text}: {error}");
    }
    assert!("kill \"broker".parse::<Action>().is_err());
    assert!("kill broker\\".parse::<Action>().is_err());
    assert!("kill \\x4".parse::<Action>().is_err());
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..6).prop_map(Bytes::from)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("broker-1".to_owned()),
        Just("every".to_owned()),
        Just("partitions".to_owned()),
        prop::collection::vec(any::<char>(), 0..5).prop_map(|chars| chars.into_iter().collect()),
        prop::collection::vec(prop::sample::select(b" \"\\:=,@/\nNx".as_slice()), 0..6)
            .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ]
}

fn record() -> impl Strategy<Value = OutgoingRecord> {
    let headers = prop::collection::vec((text(), prop::option::of(bytes())), 0..3);
    (
        (prop::option::of(bytes()), prop::option::of(bytes()), prop::option::of(any::<i32>())),
        (headers, prop::option::of(any::<i64>())),
    )
        .prop_map(|((key, value, partition), (headers, timestamp))| OutgoingRecord {
            key,
            value,
            partition,
            headers,
            timestamp,
        })
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((text(), text()), 0..3)
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (text(), prop::collection::vec(record(), 0..3))
            .prop_map(|(topic, records)| Command::Produce { topic, records }),
        (text(), any::<u64>(), prop::collection::vec(text(), 0..3)).prop_map(
            |(topic, interval_us, keys)| Command::ProduceEvery { topic, interval_us, keys }
        ),
        (text(), any::<i32>(), any::<i16>(), pairs()).prop_map(
            |(topic, partitions, replication_factor, configs)| Command::CreateTopic {
                topic,
                partitions,
                replication_factor,
                configs
            }
        ),
        (text(), any::<i32>(), any::<i64>()).prop_map(|(topic, partition, offset)| Command::Seek {
            topic,
            partition,
            offset
        }),
        text().prop_map(Command::DumpLog),
        admin_command().prop_map(Command::Admin),
        consumer_command().prop_map(Command::Consumer),
    ]
}

fn admin_command() -> impl Strategy<Value = AdminCommand> {
    use AdminCommand as A;
    prop_oneof![
        text().prop_map(A::DeleteTopic),
        (text(), any::<i32>()).prop_map(|(topic, count)| A::CreatePartitions { topic, count }),
        (partition(), prop::collection::vec(any::<i32>(), 0..4))
            .prop_map(|(partition, replicas)| A::Reassign { partition, replicas }),
    ]
}

fn partition() -> impl Strategy<Value = TopicPartition> {
    let topic = text().prop_filter("a name", |topic| !topic.is_empty());
    (topic, 0..=i32::MAX).prop_map(|(topic, partition)| TopicPartition { topic, partition })
}

fn consumer_command() -> impl Strategy<Value = ConsumerCommand> {
    use ConsumerCommand as C;
    let partitions = || prop::collection::vec(partition(), 0..3);
    let points = [CrashPoint::Received, CrashPoint::Processed, CrashPoint::Acknowledged];
    prop_oneof![
        (any::<i64>(), partitions())
            .prop_map(|(timestamp, partitions)| C::SeekTo { timestamp, partitions }),
        partitions().prop_map(C::Pause),
        partitions().prop_map(C::Resume),
        (any::<bool>(), prop::collection::vec((partition(), any::<i64>()), 0..3))
            .prop_map(|(sync, offsets)| C::Commit { sync, offsets }),
        prop::collection::vec(text(), 1..3).prop_map(C::Subscribe),
        text().prop_map(C::SubscribePattern),
        prop::collection::vec(partition(), 1..3).prop_map(C::Assign),
        Just(C::Unsubscribe),
        (any::<i64>(), partitions())
            .prop_map(|(timestamp, partitions)| C::OffsetsForTimes { timestamp, partitions }),
        Just(C::Positions),
        any::<u64>().prop_map(|micros| C::ProcessFor { micros }),
        (any::<u64>(), prop::sample::select(points.to_vec()))
            .prop_map(|(records, point)| C::CrashAfter { records, point }),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        text().prop_map(Action::Kill),
        text().prop_map(Action::Stop),
        text().prop_map(Action::Restart),
        text().prop_map(Action::Pause),
        text().prop_map(Action::Resume),
        text().prop_map(Action::PowerOff),
        text().prop_map(Action::PowerOn),
        text().prop_map(Action::Heal),
        (text(), any::<bool>(), any::<bool>()).prop_map(|(machine, inbound, outbound)| {
            Action::Isolate { machine, inbound, outbound }
        }),
        (text(), any::<u64>()).prop_map(|(machine, micros)| Action::Latency {
            machine,
            latency: Span::from_micros(micros)
        }),
        text().prop_map(Action::FillDisk),
        text().prop_map(Action::FailDisk),
        text().prop_map(Action::RepairDisk),
        (text(), text(), any::<u64>()).prop_map(|(process, file, position)| Action::Corrupt {
            process,
            file,
            position
        }),
        (text(), prop::option::of(text()))
            .prop_map(|(machine, other)| Action::Reset { machine, other }),
        (text(), any::<u32>()).prop_map(|(machine, percent)| Action::Clock { machine, percent }),
        any::<bool>().prop_map(Action::Supervisor),
        (text(), text(), pairs()).prop_map(|(name, program, properties)| Action::Spawn {
            name,
            program,
            properties
        }),
        (text(), command()).prop_map(|(process, command)| Action::Tell { process, command }),
        Just(Action::Reload),
        (any::<u64>(), text()).prop_map(|(us, name)| Action::At {
            age: Span::from_micros(us),
            action: Box::new(Action::Kill(name)),
        }),
    ]
}

proptest! {
    #[test]
    fn words_and_actions_are_the_same_thing(action in action()) {
        let words = action.to_string();
        prop_assert_eq!(words.parse::<Action>(), Ok(action), "{}", words);
    }

    #[test]
    fn no_line_is_too_odd(line in ".*") {
        let _ = line.parse::<Action>();
    }
}
