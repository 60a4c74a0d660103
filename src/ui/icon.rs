//! Icons from the sprite in index.html.

use yew::prelude::*;

/// Which icon, and how large.
#[derive(Properties, PartialEq)]
pub struct IconProps {
    /// Its name in the sprite, without `i-`.
    pub name: AttrValue,
    /// Width and height in pixels.
    #[prop_or(16)]
    pub size: u32,
}

/// An icon in running text.
#[component]
pub fn Icon(props: &IconProps) -> Html {
    let size = props.size.to_string();
    html! {
        <svg class="ic" width={size.clone()} height={size} aria-hidden="true">
            <use href={format!("#i-{}", props.name)} />
        </svg>
    }
}

/// An icon inside a scene, with its top left corner at (x, y).
pub fn scene_icon(name: &str, x: f64, y: f64, size: f64, class: &'static str) -> Html {
    html! {
        <use href={format!("#i-{name}")} x={px(x)} y={px(y)} width={px(size)} height={px(size)}
            class={classes!("ic", class)} />
    }
}

/// A length or coordinate as an attribute.
pub fn px(value: f64) -> AttrValue {
    let tenths = (value * 10.0).round() / 10.0;
    AttrValue::from(tenths.to_string())
}

/// A text inside a scene.
pub fn label(x: f64, y: f64, class: &'static str, text: impl Into<AttrValue>) -> Html {
    html! { <text x={px(x)} y={px(y)} class={class}>{ text.into() }</text> }
}

/// A text inside a scene, aligned at `anchor` (`middle` or `end`).
pub fn label_at(
    x: f64,
    y: f64,
    class: &'static str,
    anchor: &'static str,
    text: impl Into<AttrValue>,
) -> Html {
    html! {
        <text x={px(x)} y={px(y)} class={class} text-anchor={anchor}>{ text.into() }</text>
    }
}
