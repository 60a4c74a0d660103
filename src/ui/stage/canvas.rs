//! The canvas over the stage: draws the dots. It takes no pointer events; the stage finds the dot
//! under the pointer by its coordinates.

use super::flight::{Dot, Shape};
use std::f64::consts::TAU;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

/// Colours of the theme, as the style sheet has them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Palette {
    stage: String,
    raised: String,
    ink: String,
    ink_soft: String,
    fault: String,
    mono: String,
    keys: Vec<(String, String)>,
    no_key: (String, String),
}

impl Palette {
    /// Reads the colours that hold now.
    pub fn read() -> Option<Self> {
        let window = web_sys::window()?;
        let root = window.document()?.document_element()?;
        let style = window.get_computed_style(&root).ok()??;
        let value = |name: &str| {
            style.get_property_value(name).map(|text| text.trim().to_owned()).unwrap_or_default()
        };
        let key = |letter: &str| {
            (value(&format!("--key-{letter}")), value(&format!("--key-{letter}-on")))
        };
        Some(Self {
            stage: value("--stage"),
            raised: value("--raised"),
            ink: value("--ink"),
            ink_soft: value("--ink-3"),
            fault: value("--fault"),
            mono: value("--mono"),
            keys: ["a", "b", "c", "d", "e", "f", "g", "h"].map(key).to_vec(),
            no_key: key("none"),
        })
    }

    fn key(&self, hue: Option<u8>) -> &(String, String) {
        let found = hue.and_then(|hue| self.keys.get(usize::from(hue) % self.keys.len().max(1)));
        found.unwrap_or(&self.no_key)
    }
}

/// Draws on one canvas.
pub struct Painter {
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    /// The colours.
    pub palette: Palette,
}

impl Painter {
    /// A painter for `canvas`; none where the browser has no 2D context left.
    pub fn new(canvas: HtmlCanvasElement) -> Option<Self> {
        let context = canvas.get_context("2d").ok()??;
        let context = context.dyn_into::<CanvasRenderingContext2d>().ok()?;
        Some(Self { canvas, context, palette: Palette::read()? })
    }

    /// Draws `dots` on a stage of that size.
    pub fn draw(&self, width: f64, height: f64, dots: &[Dot]) -> Result<(), JsValue> {
        let scale = web_sys::window().map_or(1.0, |window| window.device_pixel_ratio());
        let (pixel_w, pixel_h) = ((width * scale) as u32, (height * scale) as u32);
        if (self.canvas.width(), self.canvas.height()) != (pixel_w, pixel_h) {
            self.canvas.set_width(pixel_w);
            self.canvas.set_height(pixel_h);
        }
        let context = &self.context;
        context.set_transform(scale, 0.0, 0.0, scale, 0.0, 0.0)?;
        context.clear_rect(0.0, 0.0, width, height);
        let size = match dots.len() {
            0..=60 => 7.5,
            61..=250 => 5.0,
            _ => 2.5,
        };
        context.set_text_align("center");
        context.set_text_baseline("middle");
        for dot in dots {
            self.shape(dot, size)?;
        }
        if size > 2.5 {
            for dot in dots {
                self.words(dot, size)?;
            }
        }
        Ok(())
    }

    fn shape(&self, dot: &Dot, size: f64) -> Result<(), JsValue> {
        let (context, (x, y)) = (&self.context, dot.at);
        let (fill, _) = self.palette.key(dot.mark.hue);
        let is_small = size < 3.0;
        context.begin_path();
        let mut stroke = (self.palette.stage.as_str(), 1.5);
        context.set_fill_style_str(fill);
        match dot.shape {
            Shape::Circle => context.arc(x, y, size, 0.0, TAU)?,
            Shape::Ring => {
                context.arc(x, y, size * 0.6, 0.0, TAU)?;
                context.set_fill_style_str(&self.palette.stage);
                stroke = (&self.palette.ink, 1.75);
            }
            Shape::Square => {
                let half = size * 0.87;
                context.rect(x - half, y - half, 2.0 * half, 2.0 * half);
            }
            Shape::Tag => self.tag(dot, size),
            Shape::Hexagon | Shape::Diamond => {
                let corners = if dot.shape == Shape::Hexagon { 6 } else { 4 };
                self.polygon(dot, if corners == 6 { size * 1.1 } else { size }, corners);
                context.set_fill_style_str(&self.palette.raised);
                stroke = (&self.palette.ink, 1.5);
            }
            Shape::Bars => {
                for side in [-0.3, 0.3] {
                    context.move_to(x + side * size, y - size * 0.7);
                    context.line_to(x + side * size, y + size * 0.7);
                }
                stroke = (&self.palette.ink_soft, 1.5);
            }
        }
        if dot.shape != Shape::Bars {
            context.fill();
        }
        if !is_small || dot.shape == Shape::Bars {
            context.set_line_width(stroke.1);
            context.set_stroke_style_str(stroke.0);
            context.stroke();
        }
        if dot.held {
            self.cross(x, y, size);
        }
        Ok(())
    }

    fn tag(&self, dot: &Dot, size: f64) {
        let (context, (x, y)) = (&self.context, dot.at);
        let way = if dot.ahead.0 < 0.0 { -1.0 } else { 1.0 };
        let (back, shoulder, tip, half) = (0.9 * size, 0.35 * size, 1.1 * size, 0.8 * size);
        context.move_to(x - way * back, y - half);
        context.line_to(x + way * shoulder, y - half);
        context.line_to(x + way * tip, y);
        context.line_to(x + way * shoulder, y + half);
        context.line_to(x - way * back, y + half);
        context.close_path();
    }

    fn polygon(&self, dot: &Dot, radius: f64, corners: u32) {
        let (context, (x, y)) = (&self.context, dot.at);
        for corner in 0..corners {
            let angle = TAU * f64::from(corner) / f64::from(corners) - TAU / 4.0;
            context.line_to(x + radius * angle.cos(), y + radius * angle.sin());
        }
        context.close_path();
    }

    fn cross(&self, x: f64, y: f64, size: f64) {
        let context = &self.context;
        context.begin_path();
        context.move_to(x - size, y - size);
        context.line_to(x + size, y + size);
        context.move_to(x + size, y - size);
        context.line_to(x - size, y + size);
        context.set_line_width(1.75);
        context.set_stroke_style_str(&self.palette.fault);
        context.stroke();
    }

    fn words(&self, dot: &Dot, size: f64) -> Result<(), JsValue> {
        let (context, (x, y)) = (&self.context, dot.at);
        if size > 7.0 && !dot.mark.letter.is_empty() {
            let inked = matches!(dot.shape, Shape::Hexagon | Shape::Diamond);
            let (_, on) = self.palette.key(dot.mark.hue);
            if dot.shape != Shape::Ring && dot.shape != Shape::Bars {
                context.set_fill_style_str(if inked { &self.palette.ink } else { on });
                let points = if dot.mark.letter.chars().count() > 1 { 8 } else { 10 };
                context.set_font(&format!("700 {points}px Helvetica, Arial, sans-serif"));
                context.fill_text(&dot.mark.letter, x, y + 0.5)?;
            }
        }
        if dot.count > 1 {
            context.set_font(&format!("10px {}", self.palette.mono));
            context.set_line_width(3.0);
            context.set_stroke_style_str(&self.palette.stage);
            let text = format!("×{}", dot.count);
            context.stroke_text(&text, x + size + 7.0, y - size)?;
            context.set_fill_style_str(&self.palette.ink);
            context.fill_text(&text, x + size + 7.0, y - size)?;
        }
        Ok(())
    }
}
