//! The page in a real browser, fed with a picture made by hand: what a person reads and does
//! (`cargo xtask test wasm`).
#![cfg(target_arch = "wasm32")]

use bytes::Bytes;
use js_sys::Promise;
use kafkarium::base::{
    EventId, Incarnation, ProcessId, SortedMap, SortedSet, Span, Time, TopicPartition,
};
use kafkarium::host::protocol::{FromConductor, Persistence, Shown, ToConductor};
use kafkarium::node::view::{
    BrokerView, ConsumerView, OwnedView, ProducerView, RecordView, ReplicaView,
};
use kafkarium::node::{Command, ProcessView, Program};
use kafkarium::ui;
use kafkarium::ui::model::scene::SceneInputs;
use kafkarium::ui::model::{KeyTable, Scene};
use kafkarium::ui::shared::Shared;
use kafkarium::ui::stage::flight::Flights;
use kafkarium::ui::stage::layout::Layout;
use kafkarium::ui::stage::route::route;
use kafkarium::wire::summary::{FrameKind, FrameSummary};
use kafkarium::world::Action;
use kafkarium::world::picture::{FlyingFrame, Picture, ProcessCard, ProcessState};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Document, Element, HtmlElement, HtmlInputElement, KeyboardEvent, KeyboardEventInit};

wasm_bindgen_test_configure!(run_in_browser);

const MARKUP: &str = "<img src=x onerror=alert(1)>";
const START: Time = Time::from_millis(1_600_000_000_000);

fn record(offset: i64, key: &str) -> RecordView {
    RecordView {
        offset,
        leader_epoch: 0,
        timestamp: offset,
        key: Some(key.to_owned()),
        value: Some(MARKUP.to_owned()),
        size_bytes: 8,
        control: false,
    }
}

fn broker(id: i32, log_end: i64) -> ProcessView {
    let replica = ReplicaView {
        partition: TopicPartition::new("orders", 0),
        is_leader: id == 1,
        leader: 1,
        leader_epoch: 3,
        assigned_replicas: vec![1, 2],
        isr: vec![1, 2],
        log_start_offset: 0,
        log_end_offset: log_end,
        high_watermark: 4,
        followers: SortedMap::new(),
        leader_epochs: vec![(3, 0)],
        records: (0..log_end)
            .map(|offset| Rc::new(record(offset, if offset % 2 == 0 { "anita" } else { MARKUP })))
            .collect(),
        batch_crcs: Vec::new(),
        online: true,
    };
    ProcessView::Broker(BrokerView {
        broker_id: id,
        state: "Running".to_owned(),
        controller_epoch: (id == 1).then_some(1),
        replicas: vec![replica],
        ..BrokerView::default()
    })
}

fn card(id: u32, name: &str, program: Program, view: ProcessView) -> ProcessCard {
    ProcessCard {
        id: ProcessId(id),
        name: name.to_owned(),
        program,
        machine: name.to_owned(),
        powered: true,
        isolated: (false, false),
        state: ProcessState::Running,
        incarnation: Incarnation(1),
        view: Some(Rc::new(view)),
        volume_bytes: 0,
        wakeup: None,
    }
}

fn picture() -> Picture {
    let producer =
        ProducerView { client_id: MARKUP.to_owned(), acks: -1, ..ProducerView::default() };
    let owned = OwnedView {
        partition: TopicPartition::new("orders", 0),
        position: 3,
        committed: 2,
        lag: 1,
    };
    let consumer = ConsumerView {
        group: MARKUP.to_owned(),
        state: "Stable".to_owned(),
        topics: vec!["orders".to_owned()],
        owned: vec![owned],
        ..ConsumerView::default()
    };
    let summary = FrameSummary {
        kind: FrameKind::Produce,
        label: "Produce orders-0".to_owned(),
        topic: Some("orders".to_owned()),
        partition: Some(0),
        key: Some("anita".to_owned()),
        records: 1,
        ..FrameSummary::default()
    };
    let frame = FlyingFrame {
        id: EventId(9),
        from: ProcessId(3),
        to: ProcessId(1),
        sent: START,
        due: START + Span::from_millis(400),
        size_bytes: 80,
        summary: Rc::new(summary),
    };
    Picture {
        now: START + Span::from_millis(100),
        epoch: START,
        seed: 7,
        events_total: 9,
        trace_hash: 0xabc,
        processes: vec![
            card(1, "broker-1", Program::Broker, broker(1, 6)),
            card(2, "broker-2", Program::Broker, broker(2, 4)),
            card(3, "producer-1", Program::Producer, ProcessView::Producer(producer)),
            card(4, "consumer-1", Program::Consumer, ProcessView::Consumer(consumer)),
        ],
        flying: vec![frame],
        events: Vec::new(),
        supervisor: true,
        ledger: kafkarium::world::ledger::LedgerSummary::default(),
    }
}

fn shown() -> Shown {
    let picture = picture();
    Shown {
        known_until: picture.now,
        picture,
        playing: false,
        speed: 1_000,
        persistence: Persistence::Kept,
        lesson: None,
        next: None,
        rounds: Vec::new(),
    }
}

type Sent = Rc<RefCell<Vec<ToConductor>>>;
type Deliver = Rc<dyn Fn(FromConductor)>;

thread_local! {
    static PAGE: RefCell<Option<(Sent, Deliver)>> = const { RefCell::new(None) };
}

fn document() -> Document {
    web_sys::window().and_then(|window| window.document()).expect("tests run on a page")
}

/// Lets the page draw.
async fn frames() {
    let passed = Promise::new(&mut |done, _| {
        let window = web_sys::window().expect("tests run on a page");
        window.set_timeout_with_callback_and_timeout_and_arguments_0(&done, 120).expect("a timer");
    });
    JsFuture::from(passed).await.expect("it is never rejected");
}

/// The page, mounted by whichever test comes first, showing the picture.
async fn page() -> (Sent, Deliver) {
    let mounted = PAGE.with_borrow(Clone::clone);
    let page = mounted.unwrap_or_else(|| {
        let root = document().create_element("div").expect("a plain element");
        root.set_id("app");
        document().body().expect("a body").append_child(&root).expect("an open document");
        let sent = Sent::default();
        let (kept, mut deliver) = (sent.clone(), None);
        ui::mount(|inbox, _| {
            deliver = Some(inbox);
            Rc::new(move |message| kept.borrow_mut().push(message))
        });
        let page = (sent, deliver.expect("mount connects at once"));
        PAGE.set(Some(page.clone()));
        page
    });
    (page.1)(FromConductor::Picture(Box::new(shown())));
    // The first drawing takes as long as the machine is busy.
    for _ in 0..40 {
        frames().await;
        if document().query_selector("[aria-label='broker-2']").ok().flatten().is_some() {
            break;
        }
    }
    page.0.borrow_mut().clear();
    page
}

fn find(selector: &str) -> Element {
    document().query_selector(selector).ok().flatten().unwrap_or_else(|| panic!("no {selector}"))
}

fn press(target: &Element, key: &str) {
    let init = KeyboardEventInit::new();
    init.set_key(key);
    init.set_bubbles(true);
    init.set_cancelable(true);
    let event = KeyboardEvent::new_with_keyboard_event_init_dict("keydown", &init).expect("a key");
    target.dispatch_event(&event).expect("a live element");
}

fn fill(label: &str, text: &str) {
    let labels = document().query_selector_all(".produce label.field").expect("a valid selector");
    let fields = (0..labels.length()).filter_map(|at| labels.item(at)?.dyn_into::<Element>().ok());
    let mut named =
        fields.filter(|field| field.text_content().is_some_and(|words| words.trim() == label));
    let input = named.next().and_then(|field| field.query_selector("input").ok().flatten());
    let input: HtmlInputElement = input.expect("a labelled input").unchecked_into();
    input.set_value(text);
    let init = web_sys::EventInit::new();
    init.set_bubbles(true);
    let event = web_sys::Event::new_with_event_init_dict("input", &init).expect("an event");
    input.dispatch_event(&event).expect("a live element");
}

fn actions(sent: &Sent) -> Vec<Action> {
    let sent = sent.borrow();
    let acts = sent.iter().filter_map(|message| match message {
        ToConductor::Act { action, .. } => Some(action.clone()),
        _ => None,
    });
    acts.collect()
}

#[wasm_bindgen_test]
async fn every_process_is_a_group_of_its_name_and_markup_stays_text() {
    page().await;
    for name in ["broker-1", "broker-2", "producer-1", "consumer-1"] {
        let node = find(&format!("[role=group][aria-label='{name}']"));
        assert!(node.text_content().unwrap_or_default().contains(name));
    }
    let words = find("#app").text_content().unwrap_or_default();
    assert!(words.contains(&MARKUP[..10]), "the group's name is shown");
    assert!(document().query_selector("#app img").ok().flatten().is_none(), "and is no element");
    assert_eq!(
        find("[aria-label='broker-1']").get_attribute("aria-description").as_deref(),
        Some("Running, controller, leads orders-0")
    );
}

#[wasm_bindgen_test]
async fn a_record_leaves_as_it_was_typed_and_its_answer_is_read() {
    let (sent, deliver) = page().await;
    fill("Key", "anita");
    fill("Value", MARKUP);
    frames().await;
    find(".produce button[type=submit]").unchecked_into::<HtmlElement>().click();
    frames().await;
    let Some(Action::Tell { process, command: Command::Produce { topic, records } }) =
        actions(&sent).pop()
    else {
        panic!("no record was sent: {:?}", sent.borrow());
    };
    assert_eq!((process.as_str(), topic.as_str(), records.len()), ("producer-1", "orders", 1));
    assert_eq!(records[0].key, Some(Bytes::from_static(b"anita")));
    assert_eq!(records[0].value, Some(Bytes::from_static(MARKUP.as_bytes())));
    let id = sent.borrow().iter().find_map(|message| match message {
        ToConductor::Act { id, .. } => Some(*id),
        _ => None,
    });
    let outcome = Err("MESSAGE_TOO_LARGE: the record is larger than the broker takes".to_owned());
    deliver(FromConductor::Answer { id: id.expect("it was sent"), outcome });
    frames().await;
    assert!(
        find(".produce .said").text_content().unwrap_or_default().starts_with("MESSAGE_TOO_LARGE")
    );
}

#[wasm_bindgen_test]
async fn the_menu_of_a_node_is_worked_by_keys_alone() {
    let (sent, _) = page().await;
    let node = find("[aria-label='broker-2']");
    press(&node, "m");
    frames().await;
    let focused = document().active_element().expect("the first item");
    assert_eq!(focused.get_attribute("role").as_deref(), Some("menuitem"));
    press(&focused, "ArrowDown");
    let focused = document().active_element().expect("the second item");
    assert!(focused.text_content().unwrap_or_default().starts_with("Power off"));
    focused.unchecked_into::<HtmlElement>().click();
    frames().await;
    assert_eq!(actions(&sent), [Action::PowerOff("broker-2".to_owned())]);
    assert!(document().query_selector("[role=menu]").ok().flatten().is_none(), "it closes");
}

#[wasm_bindgen_test]
async fn keys_drive_time_but_not_while_somebody_types() {
    let (sent, _) = page().await;
    let said = |sent: &Sent| -> Vec<ToConductor> {
        let all = sent.borrow().clone();
        all.into_iter().filter(|message| *message != ToConductor::PictureWanted).collect()
    };
    press(&find(".produce input"), ".");
    assert_eq!(said(&sent), []);
    let body: Element = document().body().expect("a body").into();
    for key in [" ", ".", "/"] {
        press(&body, key);
    }
    assert_eq!(said(&sent), [ToConductor::Play, ToConductor::NextEvent, ToConductor::NextMessage]);
}

#[wasm_bindgen_test]
async fn a_message_opens_from_the_list_and_shows_its_bytes() {
    let (sent, deliver) = page().await;
    let tabs = document().query_selector_all("[role=tab]").expect("a valid selector");
    let tab = (0..tabs.length()).filter_map(|at| tabs.item(at));
    let mut tab = tab.filter(|tab| tab.text_content().as_deref() == Some("Messages in flight"));
    tab.next().expect("the tab").unchecked_into::<HtmlElement>().click();
    frames().await;
    find("button.message").unchecked_into::<HtmlElement>().click();
    assert!(sent.borrow().contains(&ToConductor::Inspect { frame: EventId(9) }));
    let summary = picture().flying[0].summary.clone();
    let child = kafkarium::wire::FieldNode {
        name: "api_key".into(),
        type_name: "int16".into(),
        value: "0".to_owned(),
        start: 0,
        end: 2,
        children: Vec::new(),
    };
    let tree = kafkarium::wire::FieldNode { end: 4, children: vec![child], ..Default::default() };
    let bytes = Bytes::from_static(b"\0\0\0\x09");
    deliver(FromConductor::FrameDetails { frame: EventId(9), bytes, tree, summary });
    frames().await;
    find(".fieldrow").unchecked_into::<HtmlElement>().click();
    frames().await;
    let lit = document().query_selector_all(".hex i.on").expect("a valid selector").length();
    assert_eq!((find(".hex .b").text_content().as_deref(), lit), (Some("00000009"), 2));
}

#[wasm_bindgen_test]
async fn the_handle_tells_what_the_stage_shows() {
    page().await;
    let told =
        js_sys::eval("JSON.stringify(window.kafkarium.view())").expect("the handle is there");
    let told: serde_json::Value =
        serde_json::from_str(&told.as_string().unwrap_or_default()).expect("JSON");
    let partition = &told["partitions"]["orders-0"];
    assert_eq!(partition["leader"], 1);
    assert_eq!(partition["high_watermark"], 4);
    assert_eq!(partition["log_end_offset"]["2"], 4);
    assert_eq!(told["processes"]["broker-2"]["state"], "running");
    assert_eq!(told["trace_hash"], "0000000000000abc");
}

#[wasm_bindgen_test]
fn all_replicas_share_one_axis_and_dots_follow_the_clock() {
    let (picture, mut keys, none) = (picture(), KeyTable::default(), SortedSet::new());
    keys.learn("anita");
    let cut = SortedMap::new();
    let inputs = SceneInputs { keys: &keys, hidden: &SortedSet::new(), cut: &cut, slots: 12 };
    let scene = Scene::of(&picture, &inputs, &Scene::default());
    let axes: Vec<i64> = scene.brokers.iter().map(|card| card.rows[0].axis).collect();
    assert_eq!(axes, [0, 0]);
    assert_eq!(scene.brokers[1].rows[0].behind, Some(2));
    for width in [390.0, 1_000.0] {
        let layout = Shared::new(Layout::of(&scene, width, 600.0));
        let way =
            route(&layout, ProcessId(3), ProcessId(1), Some(&TopicPartition::new("orders", 0)));
        let way = way.expect("both stand on the stage");
        let mut flights = Flights::default();
        flights.update(&picture.flying, &layout, &keys, &none);
        let at = |millis: u64| flights.dots(START + Span::from_millis(millis))[0].at;
        assert_eq!(at(0), way.at(0.0));
        assert_eq!(at(400), way.at(1.0));
        assert_eq!(at(900), way.at(1.0), "it waits at the door, it never overshoots");
        let half = START + Span::from_millis(200);
        assert_eq!(flights.nearest(at(200), half), Some(EventId(9)));
        assert_eq!(flights.nearest((-99.0, -99.0), half), None);
        flights.update(&picture.flying, &layout, &keys, &SortedSet::from([FrameKind::Produce]));
        assert!(flights.dots(half).is_empty(), "a filter hides dots");
    }
}
