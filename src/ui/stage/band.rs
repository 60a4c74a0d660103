//! The ZooKeeper band: servers, the znodes that decide who is who, sessions and watches.

use super::layout::Layout;
use crate::base::{ProcessId, Time};
use crate::ui::context::{real_ms, use_ui};
use crate::ui::icon::{label, label_at, px, scene_icon};
use crate::ui::model::zookeeper::{ServerBox, SessionRow, ZooKeeperBand};
use crate::ui::shared::Shared;
use gloo::timers::callback::Interval;
use yew::prelude::*;

/// The band and where it stands.
#[derive(Properties, PartialEq)]
pub struct BandProps {
    /// The band.
    pub band: Shared<ZooKeeperBand>,
    /// The layout.
    pub layout: Shared<Layout>,
    /// The process that the inspector shows.
    pub selected: Option<ProcessId>,
    /// The process that the Tab key reaches.
    pub current: Option<ProcessId>,
}

/// The band.
#[component]
pub fn Band(props: &BandProps) -> Html {
    let (band, layout) = (&props.band, &props.layout);
    let rect = layout.band;
    let servers = band.servers.iter().map(|server| server_node(props, server));
    if band.servers.is_empty() {
        return html! {};
    }
    let count = band.servers.len();
    html! {
        <g class="zkband">
            <rect x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="4" class="zk" />
            if layout.narrow {
                { label(rect.x + 10.0, rect.y + 18.5, "h", "ZooKeeper") }
                { for servers }
                { narrow_crown(band, 112.0 + 30.0 * count as f64, rect.y) }
                { label_at(rect.right() - 8.0, rect.y + 18.5, "sm mut", "end", format!("{} sessions", band.sessions.len())) }
            } else {
                { label(rect.x + 12.0, rect.y + 21.0, "h", "ZooKeeper") }
                { label(rect.x + 12.0, rect.y + 38.0, "sm", if count == 1 { "one server".to_owned() } else { format!("ensemble of {count}") }) }
                { label(rect.x + 12.0, rect.y + 56.0, "sm mut", format!("{} znodes", band.znodes)) }
                { label(rect.x + 12.0, rect.y + 71.0, "ru", format!("zxid 0x{:x}", band.last_zxid)) }
                { for servers }
                { registry(band, registry_x(layout, band), rect.y) }
                <Sessions band={band.clone()} x={sessions_x(layout, band)} y={rect.y} />
                { watches(band, sessions_x(layout, band) + 196.0, rect.y, rect.right()) }
            }
        </g>
    }
}

/// Left edge of the znodes.
pub fn registry_x(_layout: &Layout, band: &ZooKeeperBand) -> f64 {
    130.0 + 80.0 * band.servers.len().max(1) as f64 + 16.0
}

fn sessions_x(layout: &Layout, band: &ZooKeeperBand) -> f64 {
    registry_x(layout, band) + 204.0
}

fn server_node(props: &BandProps, server: &ServerBox) -> Html {
    let Some(rect) = props.layout.node(server.process) else { return html! {} };
    let leads = matches!(server.role.as_str(), "leader" | "standalone");
    let alive = server.status.is_alive();
    let current = props.current == Some(server.process);
    let picked = (props.selected == Some(server.process)).then_some("picked");
    let number = server.name.rsplit('-').next().unwrap_or_default().to_owned();
    html! {
        <g key={server.process.0} class={classes!("node", "server", server.status.class(), picked)} role="group"
            tabindex={if current { "0" } else { "-1" }} aria-label={server.name.clone()}
            aria-description={format!("ZooKeeper server, {}, {}", server.status.word, server.role)}
            data-process={server.process.0.to_string()}>
            <rect x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="4"
                class={classes!("znode", leads.then_some("lead"), (!alive).then_some("gone"))} />
            if props.layout.narrow {
                { label_at(rect.middle_x(), rect.y + 13.0, "ru b", "middle", number) }
            } else {
                { label_at(rect.middle_x(), rect.y + 20.0, "h", "middle", format!("zk{number}")) }
                { label_at(rect.middle_x(), rect.y + 37.0, if alive { "sm" } else { "sm flt" }, "middle", server.role.clone()) }
                if !alive || server.status.icon() != "up" {
                    { scene_icon(server.status.icon(), rect.right() - 17.0, rect.y + 3.0, 13.0, if alive { "warned" } else { "st-dead" }) }
                }
            }
        </g>
    }
}

fn narrow_crown(band: &ZooKeeperBand, x: f64, y: f64) -> Html {
    match band.controller {
        None => label(x + 4.0, y + 18.5, "sm mut", "no controller"),
        Some(broker) => html! { <>
            { scene_icon("crown", x, y + 6.5, 15.0, "crown") }
            { label(x + 20.0, y + 18.5, "mono b", format!("broker {broker}")) }
        </> },
    }
}

/// `/controller` and `/brokers/ids`.
fn registry(band: &ZooKeeperBand, x: f64, y: f64) -> Html {
    let ids = band.ids.iter().enumerate().map(|(at, (id, registered))| {
        let left = x + 114.0 + 16.0 * at as f64;
        let (pip, text) = if *registered { ("pip in", "pt in") } else { ("pip out", "pt out") };
        html! { <g key={*id}>
            <rect x={px(left)} y={px(y + 57.0)} width="13" height="13" rx="2" class={pip} />
            { label_at(left + 6.5, y + 67.0, text, "middle", id.to_string()) }
            if !registered { <path d={format!("M{left:.1} {:.1}l13 -13", y + 70.0)} class="pipx" /> }
        </g> }
    });
    let (holder, class) = match band.controller {
        Some(broker) => (format!("broker {broker}"), "mono b"),
        None => ("nobody".to_owned(), "mono mut"),
    };
    html! { <>
        { label(x, y + 20.0, "h", "Ephemeral znodes") }
        <rect x={px(x)} y={px(y + 28.0)} width="178" height="22" rx="3"
            class={if band.controller.is_some() { "znode key" } else { "znode" }} />
        { scene_icon("crown", x + 5.0, y + 31.0, 16.0, if band.controller.is_some() { "crown" } else { "mut" }) }
        { label(x + 27.0, y + 43.0, "mono", "/controller") }
        { label_at(x + 170.0, y + 43.0, class, "end", holder) }
        { label(x + 27.0, y + 67.0, "mono mut", "/brokers/ids") }
        { for ids }
    </> }
}

fn watches(band: &ZooKeeperBand, x: f64, y: f64, right: f64) -> Html {
    const SHOWN: usize = 3;
    if x + 110.0 > right {
        return html! {};
    }
    // What fired is gone from the watches: a watch fires once.
    let fired = band.fired.iter().map(|(_, path)| (path, "b", format!("{path} fired")));
    let set =
        band.watches.iter().filter(|(path, _)| band.fired.iter().all(|(_, gone)| gone != path));
    let set = set.map(|(path, count)| (path, "mut", format!("{path} ×{count}")));
    let rows = fired.chain(set).take(SHOWN).enumerate().map(|(at, (path, class, words))| {
        let line = y + 36.0 + 17.0 * at as f64;
        html! { <g key={path.clone()}>
            { scene_icon("watch", x, line - 11.0, 13.0, class) }
            { label(x + 18.0, line, if class == "b" { "sm b" } else { "sm mut" }, words) }
        </g> }
    });
    html! { <>
        { label(x, y + 20.0, "h", "Watches") }
        { for rows }
        if band.watches.len() > SHOWN {
            { label(x + 62.0, y + 20.0, "sm mut", format!("+{}", band.watches.len() - SHOWN)) }
        }
    </> }
}

#[derive(Properties, PartialEq)]
struct SessionsProps {
    band: Shared<ZooKeeperBand>,
    x: f64,
    y: f64,
}

/// The sessions with the time that each has left. The only part of the stage that follows the clock
/// through the virtual DOM, ten times a second and only while it moves.
#[component]
fn Sessions(props: &SessionsProps) -> Html {
    const SHOWN: usize = 3;
    let ui = use_ui();
    let now = use_state_eq(|| Time::ZERO);
    {
        let (now, live) = (now.clone(), ui.live.clone());
        use_effect_with((), move |()| {
            let tick = Interval::new(100, move || now.set(live.clock(real_ms())));
            move || drop(tick)
        });
    }
    let (x, y) = (props.x, props.y);
    let rows = props.band.sessions.iter().take(SHOWN).enumerate();
    let timeout = props.band.sessions.first().map(|session| session.timeout_ms);
    html! { <>
        { label(x, y + 20.0, "h", "Sessions") }
        if let Some(timeout) = timeout {
            { label(x + 58.0, y + 20.0, "ru", format!("{} s timeout", f64::from(timeout) / 1_000.0)) }
        }
        if props.band.sessions.len() > SHOWN {
            { label_at(x + 176.0, y + 20.0, "sm mut", "end", format!("+{}", props.band.sessions.len() - SHOWN)) }
        }
        { for rows.map(|(at, session)| session_row(session, x, y + 36.0 + 17.0 * at as f64, *now)) }
    </> }
}

fn session_row(session: &SessionRow, x: f64, y: f64, now: Time) -> Html {
    const TICKS: u64 = 8;
    let left = session.expires.since(now).as_millis();
    let whole = u64::from(session.timeout_ms).max(1);
    let silent = (TICKS * whole.saturating_sub(left)).div_ceil(whole).min(TICKS);
    let ticks = (0..TICKS).map(|at| {
        let tick_x = x + 66.0 + 7.0 * at as f64;
        let class = match at {
            at if at >= TICKS - silent && silent > TICKS / 2 => "tk miss",
            at if at >= TICKS - silent => "tk old",
            _ => "tk",
        };
        html! { <path key={at} d={format!("M{tick_x:.1} {:.1}v8", y - 8.0)} {class} /> }
    });
    let words = if left == 0 {
        "expired".to_owned()
    } else {
        format!("{}.{} s", left / 1_000, left / 100 % 10)
    };
    let owner: String = session.owner.chars().take(11).collect();
    html! {
        <g key={session.id.to_string()}>
            { label(x, y, "sm", owner) }
            { for ticks }
            { label(x + 128.0, y, if left == 0 { "ru flt" } else { "ru b" }, words) }
        </g>
    }
}
