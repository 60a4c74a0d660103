//! The page's program.

#[cfg(target_arch = "wasm32")]
fn main() {
    let document = web_sys::window().and_then(|window| window.document());
    if let Some(app) = document.and_then(|document| document.get_element_by_id("app")) {
        app.set_text_content(Some("Kafkarium"));
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {}
