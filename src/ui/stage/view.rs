//! The stage as a component: puts the nodes in place and finds out what a pointer or a key meant.

use super::band::Band;
use super::broker::BrokerNode;
use super::canvas::{Painter, Palette};
use super::client::ClientNode;
use super::group::GroupNode;
use super::links::Links;
use super::walk::{Direction, walk};
use crate::base::{EventId, ProcessId, SortedSet, TopicPartition};
use crate::host::protocol::Shown;
use crate::ui::context::{Ui, real_ms, use_ui};
use crate::ui::icon::{label, label_at, px, scene_icon};
use crate::ui::model::{KeyTable, Scene};
use crate::ui::shared::Shared;
use crate::ui::stage::layout::Layout;
use crate::ui::store::{Msg, OpenMenu, Selection};
use crate::wire::summary::FrameKind;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, HtmlCanvasElement, HtmlElement, MouseEvent, ResizeObserver};
use yew::prelude::*;

/// What the stage shows.
#[derive(Properties, PartialEq)]
pub struct StageProps {
    /// The newest picture.
    pub shown: Option<Shared<Shown>>,
    /// What stands on the stage.
    pub scene: Shared<Scene>,
    /// Where it stands.
    pub layout: Shared<Layout>,
    /// The keys.
    pub keys: Shared<KeyTable>,
    /// Kinds of frames that are not drawn.
    pub filtered: Shared<SortedSet<FrameKind>>,
    /// What the inspector shows.
    pub selection: Option<Selection>,
    /// The node that the Tab key reaches.
    pub current: Option<ProcessId>,
    /// Counts the changes of theme.
    pub theme: u32,
}

/// The stage.
#[component]
pub fn Stage(props: &StageProps) -> Html {
    let ui = use_ui();
    let (frame, inner, canvas) = (use_node_ref(), use_node_ref(), use_node_ref());
    use_size(&ui, &frame);
    use_painter(&ui, props, &canvas);
    {
        let deps =
            (props.shown.clone(), props.layout.clone(), props.keys.clone(), props.filtered.clone());
        let live = ui.live.clone();
        use_effect_with(deps, move |(shown, layout, keys, filtered)| {
            live.show(shown.clone(), layout, keys, filtered);
        });
    }
    let onclick = on_click(&ui, &inner);
    let oncontextmenu = on_menu(&ui);
    let onkeydown = on_key(&ui, props);
    let onfocusin = {
        let ui = ui.clone();
        Callback::from(move |event: FocusEvent| {
            if let Some(process) = event.target().and_then(|target| process_at(&target)) {
                ui.tell(Msg::Current(process));
            }
        })
    };
    let (w, h) = (px(props.layout.width), px(props.layout.height));
    let size = format!("width:{w}px;height:{h}px");
    html! {
        <section class="stage" ref={frame} aria-label="Stage" onclick={onclick} oncontextmenu={oncontextmenu}
            onkeydown={onkeydown} onfocusin={onfocusin}>
            <div class="floor" ref={inner} style={size.clone()}>
                <svg class="scene" width={w.clone()} height={h.clone()} viewBox={format!("0 0 {w} {h}")}>
                    { scene(props) }
                </svg>
                <canvas class="flights" ref={canvas} style={size} aria-hidden="true"></canvas>
            </div>
        </section>
    }
}

fn scene(props: &StageProps) -> Html {
    let (scene, layout) = (&props.scene, &props.layout);
    let picked = match &props.selection {
        Some(Selection::Partition(partition)) => Some((partition.clone(), None)),
        Some(Selection::Record(process, partition, offset)) => {
            Some((partition.clone(), Some((*process, *offset))))
        }
        _ => None,
    };
    let selected = match props.selection {
        Some(Selection::Process(process)) => Some(process),
        _ => None,
    };
    let current = props.current.or_else(|| scene.brokers.first().map(|card| card.process));
    let lags =
        scene.groups.iter().flat_map(|group| &group.members).flat_map(|member| &member.owned);
    let lag_scale = lags.filter_map(|owned| owned.lag).max().unwrap_or(0);
    let dark = picked.as_ref().map(|(partition, _)| partition.clone());
    html! { <>
        { headings(scene, layout) }
        <Links scene={scene.clone()} layout={layout.clone()} picked={dark} />
        <Band band={scene.zookeeper.clone()} layout={layout.clone()} {selected} {current} />
        { for scene.clients.iter().map(|card| html! {
            <ClientNode key={card.process.0} card={card.clone()} layout={layout.clone()}
                is_selected={selected == Some(card.process)} is_current={current == Some(card.process)} />
        }) }
        { for scene.brokers.iter().map(|card| {
            let picked = picked.as_ref().map(|(partition, at)| {
                (partition.clone(), at.filter(|(process, _)| *process == card.process).map(|(_, offset)| offset))
            });
            html! {
                <BrokerNode key={card.process.0} card={card.clone()} layout={layout.clone()} {picked}
                    is_selected={selected == Some(card.process)} is_current={current == Some(card.process)} />
            }
        }) }
        { for scene.groups.iter().enumerate().map(|(at, group)| html! {
            <GroupNode key={group.group.clone()} group={group.clone()} {at} layout={layout.clone()} {lag_scale}
                {selected} {current} />
        }) }
        if !scene.brokers.is_empty() { { new_group(layout) } }
    </> }
}

fn headings(scene: &Scene, layout: &Layout) -> Html {
    if layout.narrow || scene.names.is_empty() {
        return html! {};
    }
    let y = 116.0;
    let brokers = layout.brokers;
    let led = scene.partitions.values();
    let ill = led.filter(|state| state.health() != "Healthy").count();
    let words = format!("{ill} of {} partitions under-replicated", scene.partitions.len());
    html! { <>
        { label(14.0, y, "h", "Clients") }
        { label(brokers.x, y, "h", "Brokers") }
        { label(layout.new_group.x, y, "h", "Consumer groups") }
        if ill > 0 {
            { scene_icon("warn", brokers.right() - 26.0 - 5.6 * words.len() as f64, y - 11.0, 13.0, "warned") }
            { label_at(brokers.right(), y, "sm wrn", "end", words) }
        } else if brokers.w > 320.0 {
            { label_at(brokers.right(), y, "sm mut", "end", "same offset, same x across brokers") }
        }
    </> }
}

fn new_group(layout: &Layout) -> Html {
    let rect = layout.new_group;
    html! {
        <g class="newgroup" data-new-group="true" role="button" tabindex="0" aria-label="New consumer">
            <rect x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="5" class="ghostbox" />
            { scene_icon("plus", rect.x + 9.0, rect.y + 11.0, 14.0, "mut") }
            { label(rect.x + 29.0, rect.y + 22.0, "sm", "New group") }
            if rect.h > 50.0 {
                { label(rect.x + 29.0, rect.y + 39.0, "sm mut", "reads everything again") }
            }
        </g>
    }
}

/// Tells the store how large the stage is.
#[hook]
fn use_size(ui: &Ui, frame: &NodeRef) {
    let (ui, frame) = (ui.clone(), frame.clone());
    use_effect_with((), move |()| {
        let element = frame.cast::<Element>();
        let measured = element.clone();
        let tell = Closure::<dyn FnMut()>::new(move || {
            if let Some(element) = &measured {
                let (w, h) = (element.client_width(), element.client_height());
                ui.tell(Msg::StageSize(f64::from(w), f64::from(h)));
            }
        });
        let observer = ResizeObserver::new(tell.as_ref().unchecked_ref()).ok();
        if let (Some(observer), Some(element)) = (&observer, &element) {
            observer.observe(element);
        }
        move || {
            if let Some(observer) = observer {
                observer.disconnect();
            }
            drop(tell);
        }
    });
}

/// Draws the dots, once an animation frame and only when something moved.
#[hook]
fn use_painter(ui: &Ui, props: &StageProps, canvas: &NodeRef) {
    let painter: Rc<RefCell<Option<Painter>>> = use_mut_ref(|| None);
    {
        let (painter, live) = (painter.clone(), ui.live.clone());
        let canvas = canvas.clone();
        use_effect_with((), move |()| {
            *painter.borrow_mut() = canvas.cast::<HtmlCanvasElement>().and_then(Painter::new);
            live.paint_with(painter);
        });
    }
    let live = ui.live.clone();
    use_effect_with(props.theme, move |_| {
        if let (Some(painter), Some(palette)) = (painter.borrow_mut().as_mut(), Palette::read()) {
            painter.palette = palette;
        }
        live.repaint();
    });
}

/// What a click hit: the nearest dot, else the innermost thing that can be shown.
fn on_click(ui: &Ui, inner: &NodeRef) -> Callback<MouseEvent> {
    let (ui, inner) = (ui.clone(), inner.clone());
    Callback::from(move |event: MouseEvent| {
        let Some(target) = event.target().and_then(|target| target.dyn_into::<Element>().ok())
        else {
            return;
        };
        if let Some(frame) = frame_at(&ui, &inner, &event) {
            ui.open_frame(frame);
        } else if closest(&target, "[data-menu]").is_some() {
            if let Some(process) = process_at(&target) {
                let (x, y) = (event.client_x(), event.client_y());
                ui.tell(Msg::Menu(Some(OpenMenu { process, x, y })));
            }
        } else if closest(&target, "[data-new-group]").is_some() {
            focus("consumer-group");
            ui.tell(Msg::Left(true));
        } else if let Some(selection) = selection_at(&target) {
            ui.select(selection);
        }
    })
}

fn frame_at(ui: &Ui, inner: &NodeRef, event: &MouseEvent) -> Option<EventId> {
    let rect = inner.cast::<Element>()?.get_bounding_client_rect();
    let at = (f64::from(event.client_x()) - rect.left(), f64::from(event.client_y()) - rect.top());
    ui.live.frame_near(at, real_ms())
}

fn selection_at(target: &Element) -> Option<Selection> {
    let process = process_at(target);
    let partition = closest(target, "[data-partition]")
        .and_then(|row| row.get_attribute("data-partition"))
        .and_then(|text| parse_partition(&text));
    let offset =
        closest(target, "[data-offset]").and_then(|cell| cell.get_attribute("data-offset"));
    let offset = offset.and_then(|text| text.parse::<i64>().ok());
    let group = closest(target, "[data-group]").and_then(|group| group.get_attribute("data-group"));
    match (process, partition, offset) {
        (Some(process), Some(partition), Some(offset)) => {
            Some(Selection::Record(process, partition, offset))
        }
        (_, Some(partition), _) => Some(Selection::Partition(partition)),
        (Some(process), None, _) => Some(Selection::Process(process)),
        (None, None, _) => group.map(Selection::Group),
    }
}

/// `topic-partition`.
fn parse_partition(text: &str) -> Option<TopicPartition> {
    let (topic, number) = text.rsplit_once('-')?;
    Some(TopicPartition::new(topic, number.parse().ok()?))
}

fn on_menu(ui: &Ui) -> Callback<MouseEvent> {
    let ui = ui.clone();
    Callback::from(move |event: MouseEvent| {
        if let Some(process) = event.target().and_then(|target| process_at(&target)) {
            event.prevent_default();
            let (x, y) = (event.client_x(), event.client_y());
            ui.tell(Msg::Menu(Some(OpenMenu { process, x, y })));
        }
    })
}

fn on_key(ui: &Ui, props: &StageProps) -> Callback<KeyboardEvent> {
    let (ui, layout) = (ui.clone(), props.layout.clone());
    Callback::from(move |event: KeyboardEvent| {
        let Some(target) = event.target().and_then(|target| target.dyn_into::<Element>().ok())
        else {
            return;
        };
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let Some(process) = process_at(&target) else {
            if matches!(event.key().as_str(), "Enter" | " ")
                && closest(&target, "[data-new-group]").is_some()
            {
                event.prevent_default();
                event.stop_propagation();
                ui.tell(Msg::Left(true));
                focus("consumer-group");
            }
            return;
        };
        let step = match event.key().as_str() {
            "ArrowLeft" => Some(Direction::Left),
            "ArrowRight" => Some(Direction::Right),
            "ArrowUp" => Some(Direction::Up),
            "ArrowDown" => Some(Direction::Down),
            "Enter" => {
                event.prevent_default();
                ui.select(Selection::Process(process));
                return;
            }
            "m" | "M" | "ContextMenu" => {
                event.prevent_default();
                let rect = target.get_bounding_client_rect();
                let (x, y) = (rect.left() as i32 + 24, rect.top() as i32 + 28);
                ui.tell(Msg::Menu(Some(OpenMenu { process, x, y })));
                return;
            }
            _ => None,
        };
        if let Some(next) = step.and_then(|step| walk(&layout, process, step)) {
            event.prevent_default();
            focus_node(next);
        }
    })
}

/// Puts the keyboard on a node of the stage.
pub fn focus_node(process: ProcessId) {
    let document = web_sys::window().and_then(|window| window.document());
    let selector = format!("[data-process='{}']", process.0);
    let node = document.and_then(|document| document.query_selector(&selector).ok().flatten());
    if let Some(node) = node {
        // The node is an SVG element: it has `focus` as every element has, under another interface.
        let _ = node.unchecked_into::<HtmlElement>().focus();
    }
}

/// Puts the keyboard on the element with this id, once it is shown.
pub fn focus(id: &'static str) {
    gloo::timers::callback::Timeout::new(0, move || {
        let document = web_sys::window().and_then(|window| window.document());
        if let Some(element) = document.and_then(|document| document.get_element_by_id(id)) {
            let _ = element.unchecked_into::<HtmlElement>().focus();
        }
    })
    .forget();
}

fn closest(target: &Element, selector: &str) -> Option<Element> {
    target.closest(selector).ok().flatten()
}

fn process_at(target: &web_sys::EventTarget) -> Option<ProcessId> {
    let element = target.dyn_ref::<Element>()?;
    let node = closest(element, "[data-process]")?;
    node.get_attribute("data-process")?.parse().ok().map(ProcessId)
}
