//! The root: puts the regions in place and listens to the keys that work everywhere.

use crate::base::Time;
use crate::host::protocol::{Shown, ToConductor};
use crate::ui::context::Ui;
use crate::ui::controls::help::Help;
use crate::ui::controls::left::LeftPanel;
use crate::ui::controls::notices::{Notices, Speaker};
use crate::ui::controls::top_bar::TopBar;
use crate::ui::controls::transport::Transport;
use crate::ui::frame_loop;
use crate::ui::handles::Handles;
use crate::ui::inspect::view::Inspector;
use crate::ui::lesson::player::Player;
use crate::ui::link::Conductor;
use crate::ui::live::Live;
use crate::ui::model::partitions::is_alive;
use crate::ui::model::{NodeStatus, Scene};
use crate::ui::panel::dock::Dock;
use crate::ui::phase::PhaseNotice;
use crate::ui::route::Route;
use crate::ui::stage::menu::NodeMenu;
use crate::ui::stage::view::Stage;
use crate::ui::store::{Msg, Store};
use crate::ui::theme::{Theme, watch_system};
use gloo::events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

/// What the page is made with.
#[derive(Properties, Clone, PartialEq)]
pub struct AppProps {
    /// The way to the conductor.
    pub conductor: Conductor,
    /// Where its messages arrive.
    pub live: Live,
    /// What the address asks for.
    pub route: Route,
}

/// The page.
#[component]
pub fn App(props: &AppProps) -> Html {
    let store = use_reducer(Store::default);
    let ui = use_memo(props.clone(), |props| Ui {
        conductor: props.conductor.clone(),
        dispatch: store.dispatcher(),
        live: props.live.clone(),
    });
    let ui = (*ui).clone();
    {
        let ui = ui.clone();
        use_effect_with((), move |()| {
            let handles = Handles::default();
            handles.install(&ui.conductor, &ui.live);
            frame_loop::start(ui, handles);
        });
    }
    let theme = use_theme();
    use_keys(&ui, &store);
    let shown = store.shown.clone();
    let lesson = shown.as_ref().and_then(|shown| shown.lesson.clone());
    let class =
        classes!("app", lesson.as_ref().map(|_| "lesson"), props.route.embed.then_some("embed"));
    let epoch = shown.as_ref().map_or(Time::ZERO, |shown| shown.picture.epoch);
    html! {
        <ContextProvider<Ui> context={ui.clone()}>
            <main {class}>
                <TopBar world={world_words(&store)} lesson={lesson.as_ref().map(|lesson| lesson.title.clone())}
                    persistence={shown.as_ref().map(|shown| shown.persistence.clone())}
                    is_dark={theme.theme == Theme::Dark} on_theme={theme.toggle.clone()} />
                if let Some(lesson) = lesson {
                    <Player {lesson} />
                } else {
                    <LeftPanel scene={store.scene.clone()} alive={alive(shown.as_deref())} keys={store.keys.clone()}
                        filtered={store.filtered.clone()} hidden={store.hidden.clone()}
                        outcomes={store.outcomes.clone()} is_open={store.left_open} />
                }
                <div class="centre">
                    <div class="stagebox">
                        <Stage shown={shown.clone()} scene={store.scene.clone()} layout={store.layout.clone()}
                            keys={store.keys.clone()} filtered={store.filtered.clone()}
                            selection={store.selection.clone()} current={store.current} theme={theme.revision} />
                        <PhaseNotice phase={store.phase.clone()} is_empty={is_empty(shown.as_deref(), &store.scene)} />
                    </div>
                    <Transport playing={shown.as_ref().is_some_and(|shown| shown.playing)}
                        speed={shown.as_ref().map_or(1_000, |shown| shown.speed)}
                        next={shown.as_ref().and_then(|shown| shown.next.clone()).filter(|_| !is_playing(&store))}
                        {epoch} log={store.log.clone()} is_ready={shown.is_some()} />
                    <Dock tab={store.tab} log={store.log.clone()} scene={store.scene.clone()} keys={store.keys.clone()}
                        shown={shown.clone()} {epoch} />
                </div>
                if let Some(shown) = &shown {
                    <Inspector selection={store.selection.clone()} frame={store.frame.clone()} shown={shown.clone()}
                        scene={store.scene.clone()} keys={store.keys.clone()} />
                } else {
                    <aside class="side r empty" aria-label="Inspector"></aside>
                }
                <Notices notices={store.notices.clone()} />
                <Speaker log={store.log.clone()} />
            </main>
            { menu(&store) }
            if store.help { <Help /> }
        </ContextProvider<Ui>>
    }
}

fn is_playing(store: &Store) -> bool {
    store.shown.as_ref().is_some_and(|shown| shown.playing)
}

fn is_empty(shown: Option<&Shown>, scene: &Scene) -> bool {
    shown.is_some() && scene.brokers.is_empty()
}

fn alive(shown: Option<&Shown>) -> Vec<String> {
    let cards = shown.map(|shown| shown.picture.processes.as_slice()).unwrap_or_default();
    cards.iter().filter(|card| is_alive(card)).map(|card| card.name.clone()).collect()
}

/// The world in a few words.
fn world_words(store: &Store) -> String {
    let Some(shown) = &store.shown else { return String::new() };
    let (brokers, topics) = (store.scene.brokers.len(), store.scene.topics.iter());
    let topics = topics.filter(|(name, ..)| !name.starts_with("__")).count();
    let plural =
        |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let seed = shown.picture.seed;
    format!("Sandbox, {}, {}, seed {seed}", plural(brokers, "broker"), plural(topics, "topic"))
}

fn menu(store: &Store) -> Html {
    let (Some(menu), Some(shown)) = (store.menu, &store.shown) else { return html! {} };
    let Some(card) = shown.picture.processes.iter().find(|card| card.id == menu.process) else {
        return html! {};
    };
    html! { <NodeMenu {menu} card={card.clone()} status={NodeStatus::of(card, &shown.picture)} /> }
}

/// The theme and how to change it.
#[derive(Clone, PartialEq)]
struct ThemeHandle {
    theme: Theme,
    revision: u32,
    toggle: Callback<()>,
}

#[hook]
fn use_theme() -> ThemeHandle {
    let state = use_state(|| (Theme::current(), 0_u32));
    {
        let setter = state.setter();
        use_effect_with((), move |()| {
            Theme::current().apply();
            let revision = std::cell::Cell::new(1_000);
            watch_system(move || {
                let theme = Theme::current();
                theme.apply();
                revision.set(revision.get() + 1);
                setter.set((theme, revision.get()));
            });
        });
    }
    let (theme, revision) = *state;
    let toggle = Callback::from(move |()| {
        let other = theme.other();
        other.apply();
        other.remember();
        state.set((other, revision + 1));
    });
    ThemeHandle { theme, revision, toggle }
}

/// Keys that work everywhere but in a text field.
#[hook]
fn use_keys(ui: &Ui, store: &UseReducerHandle<Store>) {
    let newest = use_mut_ref(|| store.clone());
    *newest.borrow_mut() = store.clone();
    let ui = ui.clone();
    use_effect_with((), move |()| {
        let document = web_sys::window().and_then(|window| window.document());
        let options = EventListenerOptions::enable_prevent_default();
        let listener = document.map(|document| {
            EventListener::new_with_options(&document, "keydown", options, move |event| {
                if let Some(event) = event.dyn_ref::<web_sys::KeyboardEvent>() {
                    on_key(&ui, &newest.borrow(), event);
                }
            })
        });
        move || drop(listener)
    });
}

fn on_key(ui: &Ui, store: &Store, event: &web_sys::KeyboardEvent) {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let tag = target.as_ref().map(|target| target.tag_name().to_lowercase()).unwrap_or_default();
    let types = matches!(tag.as_str(), "input" | "textarea" | "select");
    if event.ctrl_key() || event.meta_key() || event.alt_key() || event.default_prevented() {
        return;
    }
    if event.key() == "Escape" {
        if types {
            if let Some(field) = target.and_then(|target| target.dyn_into::<HtmlElement>().ok()) {
                let _ = field.blur();
            }
        } else if store.help {
            ui.tell(Msg::Help(false));
        } else if store.left_open {
            ui.tell(Msg::Left(false));
        } else {
            ui.tell(Msg::Select(None));
        }
        return;
    }
    if types {
        return;
    }
    let message = match event.key().as_str() {
        // On a button the space bar presses it.
        " " if tag == "button" || tag == "summary" => return,
        " " if is_playing(store) => ToConductor::Pause,
        " " => ToConductor::Play,
        "." => ToConductor::NextEvent,
        "/" => ToConductor::NextMessage,
        "?" => {
            ui.tell(Msg::Help(!store.help));
            return;
        }
        _ => return,
    };
    event.prevent_default();
    ui.send(message);
}
