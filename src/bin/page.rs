//! The page's program: joins the user interface to the host that runs its world.

#[cfg(target_arch = "wasm32")]
fn main() {
    use kafkarium::host::browser::page;
    use kafkarium::host::protocol::ToConductor;
    use kafkarium::ui;

    ui::mount(|tell, route| {
        let send = page::start(tell);
        send(ToConductor::Open { world: route.world.clone(), build_id: page::build_id() });
        send
    });
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {}
