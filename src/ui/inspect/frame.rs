//! A frame opened: its fields, each with its bytes. A field and its bytes light up together.

use crate::ui::icon::Icon;
use crate::ui::store::OpenFrame;
use crate::wire::FieldNode;
use std::fmt::Write;
use yew::prelude::*;

/// The frame that was opened.
#[derive(Properties, PartialEq)]
pub struct FrameProps {
    /// The frame.
    pub frame: Option<OpenFrame>,
}

/// Rows of fields shown at once.
const FIELDS_MAX: usize = 400;
/// Bytes shown at once.
const BYTES_MAX: usize = 1_024;

/// The frame.
#[component]
pub fn FrameView(props: &FrameProps) -> Html {
    let lit = use_state(|| None::<(u32, u32)>);
    let (bytes, tree, summary) = match &props.frame {
        None | Some(OpenFrame::Loading(_)) => {
            return html! { <section class="sec head"><h2>{ "Message" }</h2><div class="mut">{ "Opening it…" }</div></section> };
        }
        Some(OpenFrame::Gone(_)) => {
            return html! { <section class="sec head"><h2>{ "Message" }</h2>
            <div class="mut">{ "Its bytes are no longer kept. Pause time and click one that is under way." }</div></section> };
        }
        Some(OpenFrame::Here { bytes, tree, summary, .. }) => (bytes, tree, summary),
    };
    let mut rows = Vec::new();
    list(tree, 0, &mut rows);
    let more = rows.len().saturating_sub(FIELDS_MAX);
    let fields = rows
        .into_iter()
        .take(FIELDS_MAX)
        .enumerate()
        .map(|(at, (depth, node))| field(at, depth, node, &lit));
    html! { <>
        <section class="sec head"><h2><span class="mk">{ summary.label.clone() }</span></h2>
            <div class="mut">{ format!("{} bytes, without the 4 of the length prefix", bytes.len()) }</div></section>
        <section class="sec"><h3>{ "Fields" }<small>{ "bytes" }</small></h3>
            <div class="fields" role="tree" aria-label="Fields">{ for fields }</div>
            if more > 0 { <p class="mut">{ format!("{more} more fields not shown") }</p> }
        </section>
        <section class="sec"><h3>{ "Bytes" }</h3>{ hex(bytes, *lit) }
            if bytes.len() > BYTES_MAX { <p class="mut">{ format!("the first {BYTES_MAX} of {}", bytes.len()) }</p> }
        </section>
    </> }
}

/// The fields from top to bottom, each with its depth.
fn list<'a>(node: &'a FieldNode, depth: usize, rows: &mut Vec<(usize, &'a FieldNode)>) {
    for child in &node.children {
        if rows.len() > 4 * FIELDS_MAX {
            return;
        }
        rows.push((depth, child));
        list(child, depth + 1, rows);
    }
}

fn field(
    at: usize,
    depth: usize,
    node: &FieldNode,
    lit: &UseStateHandle<Option<(u32, u32)>>,
) -> Html {
    let range = (node.start, node.end);
    let is_lit = **lit == Some(range);
    let toggle = {
        let lit = lit.clone();
        Callback::from(move |_: MouseEvent| lit.set(if is_lit { None } else { Some(range) }))
    };
    let bad = (node.name == "error").then_some("bad");
    html! {
        <button key={at} type="button" role="treeitem" aria-level={(depth + 1).to_string()} aria-selected={is_lit.to_string()}
            class={classes!("fieldrow", is_lit.then_some("on"), bad)} title={node.type_name.to_string()} onclick={toggle}>
            <span class="nm" style={format!("padding-left:{}px", 10 * depth)}>{ node.name.to_string() }</span>
            <span class="vl">{ node.value.clone() }</span>
            <span class="rg">{ format!("{}–{}", node.start, node.end) }</span>
        </button>
    }
}

fn hex(bytes: &[u8], lit: Option<(u32, u32)>) -> Html {
    const WIDE: usize = 8;
    let shown = &bytes[..bytes.len().min(BYTES_MAX)];
    let rows = shown.chunks(WIDE).enumerate().map(|(at, chunk)| {
        let start = at * WIDE;
        let cells = chunk.iter().enumerate().map(|(i, byte)| {
            let place = (start + i) as u32;
            let on = lit.filter(|(from, to)| (*from..*to).contains(&place)).map(|_| "on");
            html! { <i key={i} class={classes!(on)}>{ format!("{byte:02x}") }</i> }
        });
        let mut text = String::new();
        for byte in chunk {
            let c = if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '·' };
            // Writing to a String cannot fail.
            let _ = write!(text, "{c}");
        }
        html! {
            <div key={at} class="hexrow"><span class="a">{ format!("{start:04x}") }</span>
                <span class="b">{ for cells }</span><span class="c">{ text }</span></div>
        }
    });
    if shown.is_empty() {
        return html! { <p class="mut"><Icon name="x" size=12 />{ " no bytes" }</p> };
    }
    html! { <div class="hex" aria-label="Bytes in hexadecimal">{ for rows }</div> }
}
