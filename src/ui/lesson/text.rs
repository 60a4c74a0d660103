//! A lesson's text. It arrives parsed; whatever it holds is shown as text.

use crate::lesson::view::{Block, Inline};
use yew::prelude::*;

/// Blocks of text.
pub fn blocks(blocks: &[Block]) -> Html {
    let blocks = blocks.iter().enumerate().map(|(at, block)| {
        let key = at.to_string();
        match block {
            Block::Heading(words) => html! { <h2 {key}>{ inlines(words) }</h2> },
            Block::Paragraph(words) => html! { <p {key}>{ inlines(words) }</p> },
            Block::Aside(words) => html! { <p {key} class="aside">{ inlines(words) }</p> },
            Block::Code(text) => html! { <pre {key}><code>{ text.clone() }</code></pre> },
            Block::List { ordered, items } => {
                let items = items.iter().enumerate();
                let items: Html =
                    items.map(|(at, item)| html! { <li key={at}>{ inlines(item) }</li> }).collect();
                if *ordered {
                    html! { <ol {key}>{ items }</ol> }
                } else {
                    html! { <ul {key}>{ items }</ul> }
                }
            }
        }
    });
    html! { { for blocks } }
}

/// Runs of text.
pub fn inlines(words: &[Inline]) -> Html {
    let words = words.iter().enumerate().map(|(at, inline)| {
        let key = at.to_string();
        match inline {
            Inline::Text(text) => html! { <span {key}>{ text.clone() }</span> },
            Inline::Emphasis(text) => html! { <em {key}>{ text.clone() }</em> },
            Inline::Strong(text) => html! { <strong {key}>{ text.clone() }</strong> },
            Inline::Code(text) => html! { <code {key}>{ text.clone() }</code> },
        }
    });
    html! { { for words } }
}
