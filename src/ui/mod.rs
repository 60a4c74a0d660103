//! Layer 11: the page. It shows pictures and sends what the person does; it decides nothing.
//!
//! The regions are Yew components over one store ([`store`]); what moves every animation frame goes
//! past the virtual DOM ([`live`], [`frame_loop`], [`stage::canvas`]).

pub mod app;
pub mod context;
pub mod controls;
pub mod event_log;
pub mod frame_loop;
pub mod handles;
pub mod icon;
pub mod inspect;
pub mod lesson;
pub mod link;
pub mod live;
pub mod model;
pub mod panel;
pub mod phase;
pub mod route;
pub mod shared;
pub mod stage;
pub mod store;
pub mod theme;

use crate::host::protocol::{FromConductor, ToConductor};
use app::{App, AppProps};
use link::Conductor;
use live::Live;
use route::Route;
use std::rc::Rc;

/// Shows the page in the element with the id `app`. `connect` is given where to deliver messages and
/// answers with the way to send them; it opens the world that [`Route`] names.
pub fn mount(connect: impl FnOnce(Rc<dyn Fn(FromConductor)>, &Route) -> Rc<dyn Fn(ToConductor)>) {
    let document = web_sys::window().and_then(|window| window.document());
    let Some(root) = document.and_then(|document| document.get_element_by_id("app")) else {
        return;
    };
    let (live, route) = (Live::new(), Route::current());
    let inbox = live.clone();
    let send = connect(Rc::new(move |message| inbox.receive(message)), &route);
    if let Some(speed) = route.speed {
        send(ToConductor::Speed(speed));
    }
    let conductor = Conductor::new(send);
    yew::Renderer::<App>::with_root_and_props(root, AppProps { conductor, live, route }).render();
}
