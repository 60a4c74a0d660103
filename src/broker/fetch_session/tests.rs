use super::*;
use bytes::Bytes;

fn id(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn wanted(partitions: &[(i32, i64)]) -> WantedPartitions {
    let one = |(partition, fetch_offset): &(i32, i64)| {
        let (partition, fetch_offset) = (*partition, *fetch_offset);
        (id(partition), FetchPartition { partition, fetch_offset, ..Default::default() })
    };
    partitions.iter().map(one).collect()
}

fn request(session_id: i32, epoch: i32, partitions: &[(i32, i64)]) -> SessionRequest {
    let forgotten = Vec::new();
    SessionRequest { session_id, epoch, wanted: wanted(partitions), forgotten, is_follower: false }
}

/// Partition, high watermark, bytes.
fn answers(partitions: &[(i32, i64, usize)]) -> AnsweredPartitions {
    let one = |(partition, high_watermark, bytes): &(i32, i64, usize)| {
        let answer = FetchablePartitionResponse {
            partition: *partition,
            high_watermark: *high_watermark,
            log_start_offset: 0,
            record_set: Some(Bytes::from(vec![0; *bytes])),
            ..Default::default()
        };
        (id(*partition), answer)
    };
    partitions.iter().map(one).collect()
}

fn at(seconds: u64) -> Time {
    Time::from_millis(seconds * 1_000)
}

fn cache(slots: usize) -> FetchSessionCache {
    FetchSessionCache::new(slots, Rng::new(1))
}

/// Opens a session; its id, or 0.
fn open(cache: &mut FetchSessionCache, is_follower: bool, size: i32, now: Time) -> i32 {
    let partitions: Vec<(i32, i64)> = (0..size).map(|partition| (partition, 0)).collect();
    let asked = SessionRequest { is_follower, ..request(0, INITIAL_EPOCH, &partitions) };
    let (context, wanted) = cache.context_of(asked, now).expect("a full request is always taken");
    let found: Vec<_> = (0..size).map(|partition| (partition, 0, 0)).collect();
    let (id, all) = cache.answer(context, &wanted, answers(&found), now).expect("it is answered");
    assert_eq!(all.len(), wanted.len(), "a full answer names everything");
    id
}

/// An incremental fetch; the partitions of the answer, or the error.
fn fetch(
    cache: &mut FetchSessionCache,
    asked: SessionRequest,
    found: &[(i32, i64, usize)],
) -> Result<Vec<i32>, ErrorCode> {
    let (context, wanted) = cache.context_of(asked, at(1))?;
    assert_eq!(wanted.len(), found.len());
    let answer = cache.answer(context, &wanted, answers(found), at(1));
    let (_, news) = answer.map_err(|(_, error)| error)?;
    Ok(news.into_iter().map(|(partition, _)| partition.partition).collect())
}

#[test]
fn an_incremental_answer_has_only_news() {
    let mut cache = cache(10);
    let id = open(&mut cache, true, 3, at(0));
    let calm = [(0, 0, 0), (1, 0, 0), (2, 0, 0)];
    assert_eq!(fetch(&mut cache, request(id, 1, &[]), &calm), Ok(vec![]));
    let found = [(0, 5, 0), (1, 0, 10), (2, 0, 0)];
    assert_eq!(fetch(&mut cache, request(id, 2, &[]), &found), Ok(vec![0, 1]));
    let (_, order) = cache.context_of(request(id, 3, &[(2, 9)]), at(1)).expect("in order");
    let order: Vec<(i32, i64)> =
        order.iter().map(|(partition, data)| (partition.partition, data.fetch_offset)).collect();
    assert_eq!(order, [(2, 9), (0, 0), (1, 0)], "what had news waits behind what had none");
}

#[test]
fn an_error_is_told_and_so_is_its_end() {
    let mut cache = cache(10);
    let id = open(&mut cache, true, 1, at(0));
    let (context, wanted) = cache.context_of(request(id, 1, &[]), at(1)).expect("in order");
    let mut failed = answers(&[(0, -1, 0)]);
    failed[0].1.error_code = ErrorCode::NOT_LEADER_OR_FOLLOWER;
    let (_, news) = cache.answer(context, &wanted, failed, at(1)).expect("it is answered");
    assert_eq!(news.len(), 1);
    assert_eq!(fetch(&mut cache, request(id, 2, &[]), &[(0, 0, 0)]), Ok(vec![0]));
    assert_eq!(fetch(&mut cache, request(id, 3, &[]), &[(0, 0, 0)]), Ok(vec![]));
}

#[test]
fn unknown_ids_and_wrong_epochs_are_refused() {
    let mut cache = cache(10);
    let id = open(&mut cache, false, 1, at(0));
    let unknown = Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    assert_eq!(fetch(&mut cache, request(id ^ 1, 1, &[]), &[]), unknown);
    let wrong = Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
    assert_eq!(fetch(&mut cache, request(id, 2, &[]), &[]), wrong);
    let (context, wanted) = cache.context_of(request(id, 1, &[]), at(1)).expect("in order");
    cache.context_of(request(id, 2, &[]), at(1)).expect("asked again before the answer");
    let answer = cache.answer(context, &wanted, answers(&[(0, 0, 0)]), at(1));
    assert_eq!(answer, Err((id, ErrorCode::INVALID_FETCH_SESSION_EPOCH)));
    let (context, _) = cache.context_of(request(id, FINAL_EPOCH, &[]), at(1)).expect("it closes");
    assert_eq!((context, cache.len()), (FetchContext::Sessionless, 0));
}

#[test]
fn a_session_that_forgets_everything_is_closed() {
    let mut cache = cache(10);
    let session = open(&mut cache, false, 2, at(0));
    let asked = SessionRequest { forgotten: vec![id(0)], ..request(session, 1, &[(5, 0)]) };
    let (_, wanted) = cache.context_of(asked, at(1)).expect("in order");
    let left: Vec<i32> = wanted.iter().map(|(partition, _)| partition.partition).collect();
    assert_eq!(left, [1, 5]);
    let asked = SessionRequest { forgotten: vec![id(1), id(5)], ..request(session, 2, &[]) };
    let (context, _) = cache.context_of(asked, at(1)).expect("in order");
    assert_eq!((context, cache.len()), (FetchContext::Sessionless, 0));
}

#[test]
fn followers_take_the_place_of_consumers_and_the_larger_that_of_the_smaller() {
    let mut cache = cache(2);
    let consumers = [open(&mut cache, false, 5, at(0)), open(&mut cache, false, 3, at(0))];
    assert!(consumers.iter().all(|id| *id != 0));
    assert_eq!(open(&mut cache, false, 9, at(1)), 0, "consumers' sessions are safe from consumers");
    let follower = open(&mut cache, true, 1, at(2));
    assert_ne!(follower, 0);
    assert!(!cache.sessions.contains_key(&consumers[1]), "the smaller one makes room");
    assert_ne!(open(&mut cache, true, 1, at(3)), 0);
    assert_eq!(open(&mut cache, true, 9, at(4)), 0, "followers' sessions are safe for a while");
    // After two minutes without use a session goes whatever it is worth.
    assert_ne!(open(&mut cache, false, 1, at(200)), 0);
    assert_eq!(cache.len(), 2);
}
