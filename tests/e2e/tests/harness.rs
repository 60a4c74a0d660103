//! The harness itself, on a page made for it: what a story relies on must be true before stories are told.

use std::path::PathBuf;

use e2e::{Browser, Options, Site, keys};

const PAGE: &str = r#"<!doctype html><meta charset="utf-8"><title>Harness</title>
<link rel="icon" href="data:,">
<label>Key <input id="key"></label>
<button aria-label="Send" onclick="document.getElementById('log').textContent += key.value + ';'">x</button>
<div role="log" aria-label="Output" id="log" tabindex="0"
     onkeydown="this.textContent += (event.shiftKey ? 'Shift+' : '') + event.key + ';'"
     oncontextmenu="event.preventDefault(); this.textContent += 'menu;'"></div>
<svg width="50" height="50"><g role="group" aria-label="broker-1"><rect width="50" height="50"/></g></svg>
<p id="scheme"></p>
<script>
  scheme.textContent = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  scheme.textContent += matchMedia('(prefers-reduced-motion: reduce)').matches ? ' still' : ' moving';
  if (location.hash == '#broken') setTimeout(() => { throw new Error('broken on purpose') });
</script>"#;

struct Page {
    folder: PathBuf,
    site: Site,
}

impl Page {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("kafkarium-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("index.html"), PAGE).unwrap();
        Self { site: Site::serve(folder.clone(), "/"), folder }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

#[test]
fn a_person_finds_clicks_types_and_reads() {
    let page = Page::new("finds");
    let browser = Browser::open();
    browser.goto(page.site.url());
    browser.find("textbox", "Key").type_text("a").fill("order-7");
    browser.find("button", "Send").click();
    let output = browser.find("log", "Output");
    assert_eq!(output.text(), "order-7;");
    output.focus();
    browser.press(&format!("{}{}{}", keys::DOWN, keys::SHIFT, keys::F10));
    // Shift+F10 asks for the context menu as well, in browsers that show one to the keyboard.
    browser.wait_until("the keys to arrive", || {
        output.text().contains("ArrowDown;Shift+Shift;Shift+F10;")
    });
    output.context_click();
    browser.wait_until("the menu to be asked for", || output.text().ends_with("menu;"));
    assert_eq!(browser.find("group", "broker-1").attribute("role").as_deref(), Some("group"));
    assert!(!browser.has("button", "Kill"));
    browser.assert_no_console_errors();
    let png = std::fs::read(browser.screenshot("harness")).unwrap();
    assert!(png.starts_with(b"\x89PNG"), "a screenshot is a picture");
}

#[test]
fn what_the_person_prefers_reaches_the_page() {
    let page = Page::new("prefers");
    let options = Options { size: (390, 844), is_dark: true, is_still: true, ..Options::default() };
    let browser = Browser::open_with(&options);
    browser.goto(page.site.url());
    assert!(browser.text().contains("dark still"), "{}", browser.text());
    assert_eq!(browser.execute("return innerWidth;", &[]), 390);
}

#[test]
fn an_exception_on_the_page_is_a_console_error() {
    let page = Page::new("broken");
    let browser = Browser::open();
    browser.goto(&format!("{}#broken", page.site.url()));
    browser.wait_until("the error", || {
        browser.console().iter().any(|line| line.contains("on purpose"))
    });
    let console = browser.console();
    assert!(console.iter().any(|line| line.starts_with("SEVERE")), "{console:?}");
}

#[test]
fn a_profile_outlives_its_browser() {
    let page = Page::new("profile");
    let profile = page.folder.join("profile");
    let options = Options { profile: Some(profile), ..Options::default() };
    let first = Browser::open_with(&options);
    first.goto(page.site.url());
    first.execute("localStorage.setItem('kept', 'yes');", &[]);
    drop(first);
    let second = Browser::open_with(&options);
    second.goto(page.site.url());
    assert_eq!(second.execute("return localStorage.getItem('kept');", &[]), "yes");
}
