//! The conductor's worker: takes the page's messages one by one, lets virtual time pass as fast as
//! it is to be shown, and sends what there is to see. It draws nothing.

use super::inbox::Inbox;
use super::message::{ConductorToPage, PageToConductor};
use super::nodes::Router;
use super::port::{listen_scope, send};
use super::session::Session;
use crate::host::protocol::{FromConductor, ToConductor};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;
use web_sys::DedicatedWorkerGlobalScope;

thread_local! {
    /// Where last words go. A panic hook can hold nothing itself.
    static PAGE: RefCell<Option<DedicatedWorkerGlobalScope>> = const { RefCell::new(None) };
}

/// Begins to listen to the page.
pub(super) fn begin(scope: DedicatedWorkerGlobalScope) {
    PAGE.with(|page| *page.borrow_mut() = Some(scope.clone()));
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.to_string();
        PAGE.with(|page| {
            if let Ok(page) = page.try_borrow()
                && let Some(scope) = page.as_ref()
            {
                tell(scope, FromConductor::Lost { message });
            }
        });
    }));
    let inbox: Inbox<ToConductor> = Inbox::default();
    let router = Rc::new(Router::default());
    let (filling, routing) = (inbox.clone(), router.clone());
    let listener = listen_scope(&scope, move |message: PageToConductor, port| {
        if let Some(message) = routing.route(message, port) {
            filling.push(message);
        }
    });
    // The worker listens until the page ends.
    listener.forget();
    spawn_local(serve(scope, inbox, router));
}

async fn serve(page: DedicatedWorkerGlobalScope, inbox: Inbox<ToConductor>, router: Rc<Router>) {
    let mut session = Session::new(page, router);
    loop {
        // A round waits for its processes, and so lets messages come in.
        let mut message =
            if session.runs_unseen() { inbox.try_next() } else { Some(inbox.next().await) };
        while let Some(next) = message {
            session.handle(next).await;
            message = inbox.try_next();
        }
        session.go_on().await;
    }
}

/// Tells the page something.
pub(super) fn tell(page: &DedicatedWorkerGlobalScope, message: FromConductor) {
    send(page, &ConductorToPage::Ui(Box::new(message)), None);
}
