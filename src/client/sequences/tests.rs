use super::*;

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn with_id(epoch: i16) -> Sequences {
    let mut sequences = Sequences::new(Span::from_millis(100));
    assert!(sequences.asks(Time::ZERO));
    assert!(!sequences.asks(Time::ZERO), "one request at a time");
    let answer = InitProducerIdResponse {
        producer_id: 1_000,
        producer_epoch: epoch,
        ..InitProducerIdResponse::default()
    };
    sequences.on_response(Some(&answer), Time::ZERO);
    sequences
}

fn assign(sequences: &mut Sequences, count: i32) -> BatchSequence {
    sequences.assign(&partition(), count).expect("an id")
}

#[test]
fn numbers_follow_each_other_and_wrap_to_zero() {
    let mut sequences = with_id(0);
    let numbers = [3, 1, 2].map(|count| assign(&mut sequences, count));
    assert_eq!(numbers.map(|batch| (batch.base, batch.last)), [(0, 2), (3, 3), (4, 5)]);
    let batch = assign(&mut sequences, i32::MAX);
    assert_eq!((batch.base, batch.last), (6, 4), "2^31 numbers, then from zero");
}

#[test]
fn nothing_leaves_without_an_id_and_a_retry_waits_for_those_before_it() {
    let mut sequences = Sequences::new(Span::from_millis(100));
    assert!(!sequences.may_leave(&partition(), None));
    sequences.on_response(None, Time::ZERO);
    assert_eq!(sequences.next_ask(), Some(Time::from_millis(100)));
    let mut sequences = with_id(0);
    let (first, second) = (assign(&mut sequences, 1), assign(&mut sequences, 1));
    assert!(sequences.may_leave(&partition(), None));
    assert!(sequences.may_leave(&partition(), Some(first)));
    assert!(!sequences.may_leave(&partition(), Some(second)));
    sequences.on_completed(&partition(), first);
    assert!(sequences.may_leave(&partition(), Some(second)));
}

#[test]
fn out_of_order_is_retried_until_it_is_the_batch_whose_turn_it_was() {
    let error = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
    let mut sequences = with_id(0);
    let (first, second) = (assign(&mut sequences, 1), assign(&mut sequences, 1));
    assert!(sequences.may_retry(&partition(), second, error, -1));
    assert_eq!(sequences.bump(), [], "the first may still fill the gap");
    sequences.on_completed(&partition(), first);
    assert!(sequences.may_retry(&partition(), second, error, -1));
    assert_eq!(sequences.bump(), [partition()]);
    let again = sequences.begin_again(&partition(), [1].into_iter());
    assert_eq!((again[0].producer.epoch, again[0].base, again[0].reset), (1, 0, true));
    assert!(!sequences.may_retry(&partition(), second, ErrorCode::INVALID_PRODUCER_EPOCH, -1));
}

#[test]
fn a_batch_of_unknown_fate_holds_new_ones_back_until_it_is_settled() {
    for (acknowledged, bumps) in [(true, false), (false, true)] {
        let mut sequences = with_id(0);
        let (first, second) = (assign(&mut sequences, 1), assign(&mut sequences, 1));
        sequences.on_failed(&partition(), first, ErrorCode::REQUEST_TIMED_OUT, true);
        sequences.on_unresolved(&partition());
        sequences.resolve();
        assert!(!sequences.may_leave(&partition(), None), "one is under way");
        if acknowledged {
            sequences.on_completed(&partition(), second);
        } else {
            sequences.on_failed(&partition(), second, ErrorCode::REQUEST_TIMED_OUT, true);
        }
        sequences.resolve();
        let restarting = sequences.bump();
        assert_eq!(!restarting.is_empty(), bumps);
        for partition in restarting {
            assert_eq!(sequences.begin_again(&partition, std::iter::empty()), []);
        }
        assert!(sequences.may_leave(&partition(), None));
        let next = assign(&mut sequences, 1);
        assert_eq!((next.producer.epoch, next.base), if bumps { (1, 0) } else { (0, 2) });
    }
}

#[test]
fn other_partitions_turn_to_the_new_epoch_when_they_are_idle() {
    let (other, mut sequences) = (TopicPartition::new("t", 1), with_id(0));
    let theirs = sequences.assign(&other, 1).expect("an id");
    let ours = assign(&mut sequences, 1);
    sequences.on_failed(&partition(), ours, ErrorCode::INVALID_TIMESTAMP, false);
    assert_eq!(sequences.bump(), [partition()]);
    sequences.begin_again(&partition(), std::iter::empty());
    assert!(!sequences.may_leave(&other, None), "no mixing of epochs");
    assert!(sequences.may_leave(&other, Some(theirs)));
    sequences.on_completed(&other, theirs);
    assert!(sequences.may_leave(&other, None));
    let next = sequences.assign(&other, 1).expect("an id");
    assert_eq!((next.producer.epoch, next.base), (1, 0));
}

#[test]
fn after_the_last_epoch_comes_a_new_id() {
    let mut sequences = with_id(i16::MAX);
    let batch = assign(&mut sequences, 1);
    sequences.on_failed(&partition(), batch, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, false);
    assert_eq!(sequences.bump(), []);
    assert_eq!(sequences.producer(), None);
    assert!(sequences.asks(Time::from_millis(100)));
    let answer = InitProducerIdResponse { producer_id: 2_000, ..Default::default() };
    sequences.on_response(Some(&answer), Time::from_millis(100));
    assert_eq!(sequences.bump(), [partition()]);
    sequences.begin_again(&partition(), std::iter::empty());
    assert_eq!(assign(&mut sequences, 1).producer, ProducerIdAndEpoch { id: 2_000, epoch: 0 });
}

#[test]
fn a_refused_id_is_the_end() {
    let mut sequences = Sequences::new(Span::from_millis(100));
    assert!(sequences.asks(Time::ZERO));
    let error_code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
    let answer = InitProducerIdResponse { error_code, ..Default::default() };
    sequences.on_response(Some(&answer), Time::ZERO);
    assert_eq!((sequences.failure(), sequences.next_ask()), (Some(error_code), None));
}
