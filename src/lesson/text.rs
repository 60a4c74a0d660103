//! The prose of a lesson as plain data, so that the page never renders foreign HTML: Markdown comes
//! in, paragraphs, lists and code come out, and everything else becomes its text.

use super::view::{Block, Inline};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Emphasis,
    Strong,
}

/// Parses Markdown prose.
pub fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut line: Vec<Inline> = Vec::new();
    let mut items: Option<(bool, Vec<Vec<Inline>>)> = None;
    let (mut style, mut quoted, mut code) = (Style::Plain, false, None::<String>);
    for event in Parser::new(markdown) {
        match event {
            Event::Start(Tag::Emphasis) => style = Style::Emphasis,
            Event::Start(Tag::Strong) => style = Style::Strong,
            Event::End(TagEnd::Emphasis | TagEnd::Strong) => style = Style::Plain,
            Event::Start(Tag::BlockQuote(_)) => quoted = true,
            Event::End(TagEnd::BlockQuote(_)) => quoted = false,
            Event::Start(Tag::List(start)) => items = Some((start.is_some(), Vec::new())),
            Event::End(TagEnd::Item) => {
                if let Some((_, items)) = &mut items {
                    items.push(std::mem::take(&mut line));
                }
            }
            Event::End(TagEnd::List(_)) => {
                blocks.extend(items.take().map(|(ordered, items)| Block::List { ordered, items }));
            }
            Event::Start(Tag::CodeBlock(_)) => code = Some(String::new()),
            Event::End(TagEnd::CodeBlock) => blocks.extend(code.take().map(Block::Code)),
            Event::End(TagEnd::Heading(_)) => {
                blocks.push(Block::Heading(std::mem::take(&mut line)));
            }
            Event::End(TagEnd::Paragraph) if items.is_none() => {
                let line = std::mem::take(&mut line);
                blocks.push(if quoted { Block::Aside(line) } else { Block::Paragraph(line) });
            }
            Event::Code(text) => line.push(Inline::Code(text.into_string())),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => match &mut code {
                Some(code) => code.push_str(&text),
                None => line.push(styled(style, text.into_string())),
            },
            Event::SoftBreak | Event::HardBreak => line.push(Inline::Text(" ".to_owned())),
            _ => {}
        }
    }
    if !line.is_empty() {
        blocks.push(Block::Paragraph(line));
    }
    blocks
}

fn styled(style: Style, text: String) -> Inline {
    match style {
        Style::Plain => Inline::Text(text),
        Style::Emphasis => Inline::Emphasis(text),
        Style::Strong => Inline::Strong(text),
    }
}

/// The text of a line without its styles, for speech and search.
pub fn plain(line: &[Inline]) -> String {
    line.iter()
        .map(|piece| match piece {
            Inline::Text(text)
            | Inline::Emphasis(text)
            | Inline::Strong(text)
            | Inline::Code(text) => text.as_str(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_becomes_data() {
        let parsed = blocks("One *soft* and **loud** `word`.\n\n> quoted\n\n- a\n- b");
        assert_eq!(parsed.len(), 3);
        let Block::Paragraph(line) = &parsed[0] else { panic!("{parsed:?}") };
        assert_eq!(plain(line), "One soft and loud word.");
        assert_eq!(parsed[1], Block::Aside(vec![Inline::Text("quoted".into())]));
        let Block::List { items, ordered: false } = &parsed[2] else { panic!("{parsed:?}") };
        assert_eq!(items.len(), 2);
    }

    #[test]
    fn markup_stays_text() {
        let parsed = blocks("A <b onclick=x>bold</b> claim\n\n<script>alert(1)</script>");
        let text: String = parsed
            .iter()
            .map(|block| match block {
                Block::Paragraph(line) => plain(line),
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(text.contains("<b onclick=x>") && text.contains("<script>"));
    }
}
