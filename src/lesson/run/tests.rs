use super::*;
use crate::lesson::condition::tests::{broker, dead, picture};
use crate::lesson::parse;
use crate::world::picture::ProcessState;

const LESSON: &str = "# T\n## One\nThe leader is $leader.\n```do\nlet leader = leader orders-0\n\
    kill $leader\n```\n```wait 20s\nprocess $leader dead\n```\n## Two\n```predict\nWho?\n- [ ] a\n\
    - [x] b\nSince.\n```\n```try 5s\ndo: restart $leader\nprocess $leader running\n```\n";

fn player() -> Player {
    Player::new("t", parse(LESSON).expect("a good lesson"))
}

fn alive() -> Picture {
    picture(vec![("broker-1", ProcessState::Running, broker(true, 1, &[1]))])
}

fn killed(at: Time) -> Picture {
    let mut picture = picture(vec![("broker-1", dead(), broker(true, 1, &[1]))]);
    picture.now = at;
    picture
}

#[test]
fn a_lesson_acts_waits_asks_and_lets_the_learner_try() {
    let mut player = player();
    let orders = player.poll(&alive());
    assert_eq!(orders, [Order::Remember(0), Order::Act("kill broker-1".to_owned())]);
    assert_eq!(player.state().waiting_for.as_deref(), Some("Waiting until broker-1 is dead"));
    player.next();
    assert_eq!(player.state().step, 0, "Next waits for the step");
    assert!(player.poll(&killed(Time::from_millis(100))).is_empty() && player.step_is_done());
    player.next();
    assert_eq!(player.poll(&killed(Time::from_millis(200))), [Order::Remember(1)]);
    assert!(!player.answer(2) && player.right_answer() == Some(1) && player.answer(0));
    assert!(player.poll(&killed(Time::from_millis(300))).is_empty());
    let answered = player.state().question.and_then(|question| question.answered);
    assert_eq!(answered.map(|answered| (answered.chosen, answered.right)), Some((0, 1)));
    assert_eq!(player.solution(), [Order::Act("restart broker-1".to_owned())]);
    player.poll(&alive());
    assert!(player.is_done());
}

#[test]
fn a_claim_that_does_not_come_true_is_a_failure() {
    let mut player = player();
    player.poll(&alive());
    let mut late = alive();
    late.now = Time::from_millis(20_000);
    player.poll(&late);
    assert_eq!(player.failure(), None);
    late.now = Time::from_millis(60_000);
    player.poll(&late);
    assert_eq!(player.failure(), Some("not within 20 s: broker-1 is dead"));
}

#[test]
fn back_restores_the_step_before_with_its_names() {
    let mut player = player();
    assert_eq!(player.back(), None);
    player.poll(&alive());
    player.poll(&killed(Time::from_millis(100)));
    player.next();
    player.poll(&killed(Time::from_millis(200)));
    player.answer(1);
    assert_eq!(player.back(), Some(Order::Restore(0)));
    assert_eq!(player.state().step, 0);
    let orders = player.poll(&alive());
    assert_eq!(orders, [Order::Act("kill broker-1".to_owned())], "it was remembered already");
}
