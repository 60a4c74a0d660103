//! The page's side: owns every worker, since only who spawned a worker can terminate it, and
//! carries messages between the user interface and the conductor.

use super::message::{ConductorToPage, PageToConductor, Role, Ticket};
use super::port::{open, send};
use crate::base::SortedMap;
use crate::host::protocol::{FromConductor, ToConductor};
use js_sys::{Object, Promise, Reflect};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{ErrorEvent, Event, MessageChannel, MessageEvent, Url, Worker};

/// Workers that are kept ready, so that a restarted process need not wait for a new thread.
const SPARE_WORKERS: usize = 1;

type Tell = Rc<dyn Fn(FromConductor)>;

/// Everything that the page owns for one world.
struct Page {
    module: JsValue,
    boot_url: String,
    conductor: Option<Hired>,
    nodes: SortedMap<Ticket, Hired>,
    spare: Vec<Hired>,
    /// What the user interface said before the conductor ran.
    early: VecDeque<ToConductor>,
    tell: Tell,
}

/// What a worker is there for.
#[derive(Clone, Copy)]
enum Post {
    Conductor,
    /// Ready for a process; nobody misses one that breaks.
    Spare,
    Node(Ticket),
}

/// A worker with the handlers that must live as long as it does.
#[expect(dead_code, reason = "the handlers are held for the worker, not called from here")]
struct Hired {
    worker: Worker,
    on_message: Closure<dyn FnMut(MessageEvent)>,
    on_error: Closure<dyn FnMut(Event)>,
}

/// Starts the conductor. What it says goes to `tell`; what the person does goes into the returned
/// function.
pub fn start(tell: Tell) -> Rc<dyn Fn(ToConductor)> {
    let page = Rc::new(RefCell::new(Page {
        module: JsValue::UNDEFINED,
        boot_url: versioned("boot.js"),
        conductor: None,
        nodes: SortedMap::new(),
        spare: Vec::new(),
        early: VecDeque::new(),
        tell: tell.clone(),
    }));
    let starting = page.clone();
    spawn_local(async move {
        if let Err(error) = begin(&starting).await {
            tell(FromConductor::Lost { message: words(&error) });
        }
    });
    Rc::new(move |message| {
        let mut page = page.borrow_mut();
        match &page.conductor {
            Some(conductor) => {
                send(&conductor.worker, &PageToConductor::Ui(Box::new(message)), None);
            }
            None => page.early.push_back(message),
        }
    })
}

/// The build that the page and the worker's files must share: Trunk's worker files have no hash in
/// their names.
pub fn build_id() -> String {
    let document = web_sys::window().and_then(|window| window.document());
    let meta = document.and_then(|d| d.query_selector("meta[name=build-id]").ok().flatten());
    meta.and_then(|meta| meta.get_attribute("content")).unwrap_or_default()
}

fn versioned(file: &str) -> String {
    let base = web_sys::window().and_then(|window| window.document());
    let base = base.and_then(|document| document.base_uri().ok().flatten()).unwrap_or_default();
    let url = Url::new_with_base(&format!("{file}?v={}", build_id()), &base);
    url.map_or_else(|_| file.to_owned(), |url| url.href())
}

async fn begin(page: &Rc<RefCell<Page>>) -> Result<(), JsValue> {
    let module = compile(&versioned("worker_bg.wasm")).await?;
    page.borrow_mut().module = module;
    let conductor = hire(page, Post::Conductor).await?;
    let Hired { worker, on_error, .. } = conductor;
    let listening = page.clone();
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some((message, _)) = open::<ConductorToPage>(&event) {
            obey(&listening, message);
        }
    });
    worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    send(&worker, &Role::Conductor, None);
    let early = {
        let mut page = page.borrow_mut();
        page.conductor = Some(Hired { worker: worker.clone(), on_message, on_error });
        std::mem::take(&mut page.early)
    };
    for message in early {
        send(&worker, &PageToConductor::Ui(Box::new(message)), None);
    }
    refill(page);
    Ok(())
}

async fn compile(url: &str) -> Result<JsValue, JsValue> {
    let window = web_sys::window().ok_or("no window")?;
    let response = window.fetch_with_str(url);
    let streaming = js_sys::WebAssembly::compile_streaming(&response);
    if let Ok(module) = JsFuture::from(streaming).await {
        return Ok(module);
    }
    // A server that sends another type than application/wasm.
    let response = JsFuture::from(window.fetch_with_str(url)).await?;
    let response: web_sys::Response = response.dyn_into()?;
    let buffer = JsFuture::from(response.array_buffer()?).await?;
    JsFuture::from(js_sys::WebAssembly::compile(&buffer)).await
}

/// Starts a worker and waits until its Rust code listens.
async fn hire(page: &Rc<RefCell<Page>>, post: Post) -> Result<Hired, JsValue> {
    let (url, module) = {
        let page = page.borrow();
        (page.boot_url.clone(), page.module.clone())
    };
    let worker = Worker::new(&url)?;
    let mut on_message = None;
    let ready = Promise::new(&mut |resolve, _| {
        let listener = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if event.data().as_string().as_deref() == Some("ready") {
                let _ = resolve.call0(&JsValue::NULL);
            }
        });
        worker.set_onmessage(Some(listener.as_ref().unchecked_ref()));
        on_message = Some(listener);
    });
    let on_error = watch(page, &worker, post);
    let first = Object::new();
    Reflect::set(&first, &"mod".into(), &module)?;
    worker.post_message(&first)?;
    JsFuture::from(ready).await?;
    let on_message = on_message.ok_or("the promise did not run")?;
    Ok(Hired { worker, on_message, on_error })
}

/// Relays the death of a worker.
fn watch(page: &Rc<RefCell<Page>>, worker: &Worker, post: Post) -> Closure<dyn FnMut(Event)> {
    let page = page.clone();
    let on_error = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
        let message = event.dyn_ref::<ErrorEvent>().map(ErrorEvent::message);
        let message = message.unwrap_or_else(|| "the worker could not be loaded".to_owned());
        match post {
            Post::Node(ticket) => tell_conductor(&page, &PageToConductor::Failed(ticket, message)),
            Post::Spare => {
                // Later: this handler is one of what goes.
                let page = page.clone();
                spawn_local(async move { page.borrow_mut().spare.clear() });
            }
            Post::Conductor => (page.borrow().tell.clone())(FromConductor::Lost { message }),
        }
    });
    worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    on_error
}

fn tell_conductor(page: &Rc<RefCell<Page>>, message: &PageToConductor) {
    if let Some(conductor) = &page.borrow().conductor {
        send(&conductor.worker, message, None);
    }
}

fn obey(page: &Rc<RefCell<Page>>, message: ConductorToPage) {
    match message {
        ConductorToPage::Ui(message) => {
            let tell = page.borrow().tell.clone();
            tell(*message);
        }
        ConductorToPage::Terminate(ticket) => {
            if let Some(hired) = page.borrow_mut().nodes.remove(&ticket) {
                hired.worker.terminate();
            }
            tell_conductor(page, &PageToConductor::Terminated(ticket));
        }
        ConductorToPage::Spawn(ticket) => {
            let page = page.clone();
            spawn_local(async move {
                if let Err(error) = spawn(&page, ticket).await {
                    tell_conductor(&page, &PageToConductor::Failed(ticket, words(&error)));
                }
            });
        }
    }
}

async fn spawn(page: &Rc<RefCell<Page>>, ticket: Ticket) -> Result<(), JsValue> {
    let spare = page.borrow_mut().spare.pop();
    let hired = match spare {
        Some(mut hired) => {
            hired.on_error = watch(page, &hired.worker, Post::Node(ticket));
            hired
        }
        None => hire(page, Post::Node(ticket)).await?,
    };
    let channel = MessageChannel::new()?;
    send(&hired.worker, &Role::Node, Some(&channel.port1()));
    let conductor = {
        let mut page = page.borrow_mut();
        page.nodes.insert(ticket, hired);
        page.conductor.as_ref().map(|conductor| conductor.worker.clone())
    };
    if let Some(conductor) = conductor {
        send(&conductor, &PageToConductor::Spawned(ticket), Some(&channel.port2()));
    }
    refill(page);
    Ok(())
}

/// Keeps spare workers ready, one at a time, in quiet moments.
fn refill(page: &Rc<RefCell<Page>>) {
    let page = page.clone();
    spawn_local(async move {
        gloo::timers::future::TimeoutFuture::new(300).await;
        if page.borrow().spare.len() < SPARE_WORKERS
            && let Ok(hired) = hire(&page, Post::Spare).await
        {
            let mut page = page.borrow_mut();
            if page.spare.len() < SPARE_WORKERS {
                page.spare.push(hired);
            } else {
                hired.worker.terminate();
            }
        }
    });
}

fn words(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => error.as_string().unwrap_or_else(|| format!("{error:?}")),
    }
}
