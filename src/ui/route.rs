//! What the address asks for: `?world`, `?lesson`, `?seed`, `?profile`, `?era`, `?zookeepers`,
//! `?speed`, `?embed`.

use crate::host::protocol::{Era, OpenWorld, Profile};
use web_sys::UrlSearchParams;

/// What the address asks for.
#[derive(Clone, PartialEq, Debug)]
pub struct Route {
    /// Which world.
    pub world: OpenWorld,
    /// Speed in a thousandth of real time, if it is given.
    pub speed: Option<u32>,
    /// Whether the page is a guest in another one: no bars around the stage.
    pub embed: bool,
}

impl Route {
    /// What the page's address asks for. What cannot be read is as if it were not there.
    pub fn current() -> Self {
        let search = web_sys::window().and_then(|window| window.location().search().ok());
        let params = UrlSearchParams::new_with_str(&search.unwrap_or_default()).ok();
        Self::of(|name| params.as_ref().and_then(|params| params.get(name)))
    }

    fn of(get: impl Fn(&str) -> Option<String>) -> Self {
        let seed = get("seed").and_then(|seed| seed.parse::<u64>().ok());
        let profile = match get("profile").as_deref() {
            Some("realistic") => Some(Profile::Realistic),
            Some("browser") => Some(Profile::Browser),
            Some("teaching") => Some(Profile::Teaching),
            _ => None,
        };
        let era = match get("era").as_deref() {
            Some("textbook") => Some(Era::Textbook),
            Some("2.8") => Some(Era::TwoEight),
            _ => None,
        };
        let zookeepers = get("zookeepers").and_then(|servers| servers.parse::<u8>().ok());
        let is_new = seed.is_some() || profile.is_some() || era.is_some() || zookeepers.is_some();
        let world = match (get("world"), get("lesson")) {
            // The conductor reads it, and says what is wrong with it.
            (Some(link), _) => OpenWorld::Shared { link },
            (None, Some(name)) if is_lesson_name(&name) => OpenWorld::Lesson { name },
            _ if is_new => OpenWorld::Sandbox {
                seed: seed.unwrap_or(1),
                profile: profile.unwrap_or_default(),
                era: era.unwrap_or_default(),
                zookeepers: zookeepers.unwrap_or(1),
            },
            _ => OpenWorld::Resume,
        };
        let embed = get("embed").is_some_and(|value| value != "0");
        Self { world, speed: get("speed").and_then(|speed| speed_of(&speed)), embed }
    }
}

/// Lesson names are file names of ours: letters, digits and hyphens.
fn is_lesson_name(name: &str) -> bool {
    const LONGEST: usize = 80;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !name.is_empty() && name.len() <= LONGEST && name.chars().all(is_plain)
}

/// `0.25`, `1`, `4x` or `max`, in a thousandth of real time.
fn speed_of(text: &str) -> Option<u32> {
    if text == "max" {
        return Some(0);
    }
    let number: f64 = text.trim_end_matches(['x', '×']).parse().ok()?;
    let per_mille = (number * 1_000.0).round();
    (1.0..=1_000_000.0).contains(&per_mille).then_some(per_mille as u32)
}
