//! One replica drawn as a tape.

use super::layout::{Rect, Tape};
use crate::ui::icon::{label, label_at, px, scene_icon};
use crate::ui::model::tapes::{Cell, CellLook, Role, TapeRow};
use std::fmt::Write;
use yew::prelude::*;

/// Where a row is drawn.
pub struct RowPlace<'a> {
    /// The row.
    pub rect: &'a Rect,
    /// Geometry of the tape.
    pub tape: &'a Tape,
    /// Whether the inspector shows the row's partition.
    pub is_selected: bool,
    /// The offset that the inspector shows.
    pub selected_offset: Option<i64>,
}

/// A row.
pub fn row(row: &TapeRow, place: &RowPlace<'_>) -> Html {
    let rect = place.rect;
    let leads = row.role == Role::Leader;
    let has_ruler = leads && rect.h >= 40.0;
    let middle = rect.y + if has_ruler { 25.0 } else { rect.h / 2.0 };
    let cell_h = if leads && rect.h >= 24.0 {
        20.0_f64.min(rect.h - 4.0)
    } else {
        15.0_f64.min(rect.h - 4.0)
    };
    let top = middle - cell_h / 2.0;
    let x = |offset: i64| cell_x(rect, place.tape, row.axis, offset);
    let name_class = if leads { "mono b" } else { "mono mut" };
    html! {
        <g class="row" data-partition={row.partition.to_string()}>
            if place.is_selected {
                <rect x={px(rect.x + 1.0)} y={px(rect.y)} width={px(rect.w - 2.0)} height={px(rect.h)} class="selrow" />
                <rect x={px(rect.x + 1.0)} y={px(rect.y)} width="3" height={px(rect.h)} class="selbar" />
            }
            { pennant(row, rect.x + 9.0, middle - 8.0) }
            { label(rect.x + 31.0, middle + 4.0, name_class, short_name(row)) }
            if has_ruler { { ruler(row, place, top) } }
            if row.torn { { tear(x(row.axis) - 7.0, top, cell_h) } }
            { for row.cells.iter().map(|cell| record(cell, x(cell.offset), top, cell_h, place)) }
            { for row.empty.iter().map(|offset| slot(x(*offset), top, cell_h, place.tape)) }
            if row.log_end >= row.axis { { end_bar(x(row.log_end) - 1.0, top, cell_h) } }
            { high_watermark(row, x, top, cell_h, has_ruler) }
            if has_ruler { { bookmarks(row, x, top + cell_h) } }
            { status(row, rect, middle) }
            <path d={format!("M{:.1} {:.1}h{:.1}", rect.x + 8.0, rect.bottom(), rect.w - 16.0)} class="hair lite" />
        </g>
    }
}

/// Left edge of the cell of `offset`.
fn cell_x(rect: &Rect, tape: &Tape, axis: i64, offset: i64) -> f64 {
    rect.x + tape.start + (offset - axis) as f64 * tape.pitch
}

/// The partition's name, shortened from the middle when it would run into the tape.
fn short_name(row: &TapeRow) -> String {
    const FITS: usize = 8;
    let name = row.partition.to_string();
    let count = name.chars().count();
    if count <= FITS {
        return name;
    }
    let number = format!("-{}", row.partition.partition);
    let keep = FITS.saturating_sub(number.len() + 1);
    let start: String = row.partition.topic.chars().take(keep).collect();
    format!("{start}…{number}")
}

fn pennant(row: &TapeRow, x: f64, y: f64) -> Html {
    let (icon, class, letter, letter_class) = match row.role {
        Role::Leader => ("lead", "lb", "L", "lbt"),
        Role::Follower => ("foll", "fb", "F", "fbt"),
        Role::WasLeader => ("waslead", "fb", "L", "fbt"),
    };
    html! { <>
        { scene_icon(icon, x, y, 16.0, class) }
        { label_at(x + 8.0, y + 11.4, letter_class, "middle", letter) }
    </> }
}

fn ruler(row: &TapeRow, place: &RowPlace<'_>, top: f64) -> Html {
    let x = |offset: i64| cell_x(place.rect, place.tape, row.axis, offset);
    let y = top - 3.0;
    let mut ticks = String::new();
    let mut labels = Vec::new();
    let last = row.axis + place.tape.slots as i64;
    let crowded = row.high_watermark - 4..=row.high_watermark;
    for offset in row.axis..last.min(row.log_end + 1) {
        let long = offset % 5 == 0;
        let height = if long { 5.0 } else { 3.0 };
        // Writing to a String cannot fail.
        let _ = write!(ticks, "M{:.1} {:.1}v-{height}", x(offset) - 1.0, y);
        if long && !crowded.contains(&offset) {
            labels.push(label_at(
                x(offset) + place.tape.cell / 2.0,
                y - 2.0,
                "ru",
                "middle",
                offset.to_string(),
            ));
        }
    }
    html! { <><path d={ticks} class="rule" />{ for labels }</> }
}

fn tear(x: f64, top: f64, h: f64) -> Html {
    let q = h / 4.0;
    html! { <path d={format!("M{x:.1} {top:.1}l-3 {q:.1}l5 {:.1}l-3 {q:.1}", 2.0 * q)} class="tear" /> }
}

fn record(cell: &Cell, x: f64, top: f64, h: f64, place: &RowPlace<'_>) -> Html {
    let w = place.tape.cell;
    let (look, fill) = match cell.look {
        CellLook::Lead => ("lead", None),
        CellLook::Follow => ("foll", Some(cell.mark.hatch())),
        CellLook::Open => ("open", None),
        CellLook::Dead => ("deadc", None),
        CellLook::Risk => ("risk", None),
        CellLook::Lost => ("lost", None),
    };
    let is_selected = place.selected_offset == Some(cell.offset);
    html! {
        <g key={cell.offset} class={classes!("cell", look, cell.mark.class())} data-offset={cell.offset.to_string()}>
            <rect x={px(x)} y={px(top)} width={px(w)} height={px(h)} rx="2" fill={fill} />
            { label_at(x + w / 2.0, top + h / 2.0 + 3.7, "cl", "middle", cell.mark.letter.clone()) }
            if cell.look == CellLook::Lost {
                <path d={format!("M{:.1} {:.1}L{:.1} {:.1}", x - 1.0, top + h + 1.0, x + w + 1.0, top - 1.0)} class="strike" />
            }
            if is_selected {
                <rect x={px(x - 2.0)} y={px(top - 2.0)} width={px(w + 4.0)} height={px(h + 4.0)} class="pickbox" />
            }
        </g>
    }
}

fn slot(x: f64, top: f64, h: f64, tape: &Tape) -> Html {
    html! {
        <rect x={px(x + 1.0)} y={px(top + 0.5)} width={px(tape.cell - 1.0)} height={px(h - 1.0)} rx="2" class="slot" />
    }
}

fn end_bar(x: f64, top: f64, h: f64) -> Html {
    html! { <path d={format!("M{x:.1} {:.1}v{:.1}", top - 2.0, h + 4.0)} class="leo" /> }
}

fn high_watermark(
    row: &TapeRow,
    x: impl Fn(i64) -> f64,
    top: f64,
    h: f64,
    has_ruler: bool,
) -> Html {
    if row.high_watermark < row.axis {
        return html! {};
    }
    let at = x(row.high_watermark) - 1.0;
    if row.role != Role::Leader {
        return html! { <path d={format!("M{at:.1} {:.1}v{:.1}", top - 1.0, h + 2.0)} class="hw f" /> };
    }
    let flag = top - if has_ruler { 5.0 } else { 3.0 };
    html! { <>
        <path d={format!("M{at:.1} {:.1}V{:.1}", flag + 1.0, top + h + 4.0)} class="hw" />
        <path d={format!("M{:.1} {flag:.1}h8l-4 5z", at - 4.0)} class="hwf" />
        if has_ruler {
            if at - 58.0 > x(row.axis) {
                { label_at(at - 6.0, flag, "ru b", "end", format!("HW {}", row.high_watermark)) }
            } else {
                { label(at + 6.0, flag, "ru b", format!("HW {}", row.high_watermark)) }
            }
        }
    </> }
}

fn bookmarks(row: &TapeRow, x: impl Fn(i64) -> f64, y: f64) -> Html {
    // Behind the left end of the tape only the first mark still has room for its number.
    let (mut gone, shown): (Vec<_>, Vec<_>) =
        row.bookmarks.iter().partition(|(_, offset)| *offset < row.axis);
    gone.sort_by_key(|(_, offset)| std::cmp::Reverse(*offset));
    let tags: Vec<&str> = gone.iter().map(|(tag, _)| tag.as_str()).collect();
    let has_room = shown.iter().all(|(_, offset)| x(*offset) > x(row.axis) + 50.0);
    let number = gone.first().filter(|_| has_room && gone.len() == 1);
    let number = number.map(|(_, offset)| format!(" {offset}")).unwrap_or_default();
    let left = x(row.axis) - 10.0;
    let marks = shown.iter().map(|(tag, offset)| {
        let at = x(*offset) - 1.0;
        html! { <g key={tag.clone()}>
            <path d={format!("M{at:.1} {:.1}l4 4.5h-8z", y + 1.5)} class="car" />
            { label(at + 6.0, y + 10.0, "ru", tag.clone()) }
        </g> }
    });
    html! { <>
        if !tags.is_empty() {
            <path d={format!("M{left:.1} {:.1}l4.5 -4v8z", y + 6.0)} class="car" />
            { label(left + 7.0, y + 10.0, "ru", format!("{}{number}", tags.join(" "))) }
        }
        { for marks }
    </> }
}

/// Right end of a row: log end offset, and either the ISR or how far behind.
fn status(row: &TapeRow, rect: &Rect, middle: f64) -> Html {
    let right = rect.right() - 10.0;
    if row.role == Role::Leader && rect.h >= 40.0 {
        return html! { <>
            { label_at(right, middle - 5.0, "mono b", "end", row.log_end.to_string()) }
            { label_at(right - 26.0, middle - 5.0, "ru", "end", "LEO") }
            { replicas(row, right, middle + 2.0) }
        </> };
    }
    let class = if row.role == Role::Leader { "mono b" } else { "mono mut" };
    html! { <>
        { label_at(right, middle + 4.0, class, "end", row.log_end.to_string()) }
        if row.role == Role::WasLeader && row.offline {
            { scene_icon("x", right - 46.0, middle - 6.0, 12.0, "bad") }
        } else {
            { behind(row, right - 36.0, middle) }
        }
    </> }
}

fn behind(row: &TapeRow, x: f64, middle: f64) -> Html {
    match row.behind {
        None => html! {},
        Some(0) => scene_icon("tick", x - 8.0, middle - 6.0, 12.0, "mut"),
        Some(n) if n > 0 => label_at(x + 4.0, middle + 4.0, "ru b", "end", format!("−{n}")),
        Some(n) => label_at(x + 4.0, middle + 4.0, "ru b", "end", format!("+{}", -n)),
    }
}

fn replicas(row: &TapeRow, right: f64, y: f64) -> Html {
    let count = row.replicas.len() as f64;
    let boxes = row.replicas.iter().enumerate().map(|(at, (id, in_sync))| {
        let x = right - 15.0 * (count - at as f64) + 2.0;
        let (pip, text) = if *in_sync { ("pip in", "pt in") } else { ("pip out", "pt out") };
        html! { <g key={*id}>
            <rect x={px(x)} y={px(y)} width="13" height="13" rx="2" class={pip} />
            { label_at(x + 6.5, y + 10.0, text, "middle", id.to_string()) }
            if !in_sync {
                <path d={format!("M{x:.1} {:.1}l13 -13", y + 13.0)} class="pipx" />
            }
        </g> }
    });
    html! { { for boxes } }
}
