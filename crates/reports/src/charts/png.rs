//! The pictures of this crate as PNG, for programs that show no SVG.
//!
//! Only what the pictures are made of is drawn: rectangles, circles, lines and words. The letters are a font of our own,
//! so that a picture is the same on every machine; a letter that it lacks is a box.

use quick_xml::escape::unescape;
use svg::node::Attributes;
use svg::node::element::tag::Type;
use svg::parser::Event;
use tiny_skia::{Color, FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// DejaVu Sans, the Latin part of it; its licence lies beside it.
const FONT: &[u8] = include_bytes!("../../fonts/DejaVuSans-Latin.ttf");

/// How many dots of the PNG a unit of the picture has.
const SCALE: f32 = 2.0;

/// The widest and the highest picture, in units.
const LARGEST: f32 = 8_192.0;

/// A picture that could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// It is not one of this crate's pictures.
    #[error("the picture cannot be drawn: {0}; report this")]
    Picture(&'static str),
    /// It could not be encoded.
    #[error("the picture cannot be written as PNG: {0}")]
    Encoding(String),
}

/// A picture of this crate, as SVG, as PNG of twice its size.
///
/// # Errors
/// [`PngError`] for other pictures.
pub fn png(picture: &str) -> Result<Vec<u8>, PngError> {
    let face = Face::parse(FONT, 0).map_err(|_| PngError::Picture("its font cannot be read"))?;
    let mut canvas: Option<Canvas<'_>> = None;
    let mut text: Option<Attributes> = None;
    let parser = svg::read(picture).map_err(|_| PngError::Picture("it is no SVG"))?;
    for event in parser {
        match (event, &mut canvas) {
            (Event::Error(_), _) => return Err(PngError::Picture("it is no SVG")),
            (Event::Tag("svg", Type::Start, attributes), _) => canvas = Some(Canvas::new(&attributes, &face)?),
            (Event::Tag("text", Type::Start, attributes), _) => text = Some(attributes),
            (Event::Tag("text", Type::End, _), _) => text = None,
            (Event::Text(words), Some(canvas)) => {
                if let Some(attributes) = &text {
                    let words = unescape(words.trim()).map_err(|_| PngError::Picture("it is no SVG"))?;
                    canvas.words(attributes, &words);
                }
            }
            (Event::Tag(name, Type::Start | Type::Empty, attributes), Some(canvas)) => canvas.shape(name, &attributes),
            _ => {}
        }
    }
    let canvas = canvas.ok_or(PngError::Picture("it is empty"))?;
    canvas
        .dots
        .encode_png()
        .map_err(|error| PngError::Encoding(error.to_string()))
}

struct Canvas<'f> {
    dots: Pixmap,
    face: &'f Face<'f>,
    /// The size of words that say none.
    size: f32,
}

impl<'f> Canvas<'f> {
    fn new(attributes: &Attributes, face: &'f Face<'f>) -> Result<Self, PngError> {
        let side = |name| {
            let length = number(attributes, name).filter(|length| (1.0..=LARGEST).contains(length));
            length
                .map(|length| whole(length * SCALE))
                .ok_or(PngError::Picture("it has no size"))
        };
        let dots = Pixmap::new(side("width")?, side("height")?).ok_or(PngError::Picture("it is too large"))?;
        Ok(Self {
            dots,
            face,
            size: number(attributes, "font-size").unwrap_or(15.0),
        })
    }

    fn shape(&mut self, name: &str, attributes: &Attributes) {
        let at = |name| number(attributes, name).unwrap_or(0.0);
        let path = match name {
            "rect" => Rect::from_xywh(at("x"), at("y"), at("width"), at("height")).map(PathBuilder::from_rect),
            "circle" => PathBuilder::from_circle(at("cx"), at("cy"), at("r")),
            "line" => through([(at("x1"), at("y1")), (at("x2"), at("y2"))]),
            "polyline" => attributes.get("points").and_then(|points| {
                through(points.split_whitespace().filter_map(|point| {
                    let (x, y) = point.split_once(',')?;
                    Some((x.parse().ok()?, y.parse().ok()?))
                }))
            }),
            _ => None,
        };
        if let Some(path) = path {
            self.draw(&path, attributes, number(attributes, "stroke-width").unwrap_or(1.0));
        }
    }

    /// Fills a path and draws its edge, as its attributes say.
    fn draw(&mut self, path: &Path, attributes: &Attributes, width: f32) {
        let scale = Transform::from_scale(SCALE, SCALE);
        if let Some(paint) = paint(attributes, "fill") {
            self.dots.fill_path(path, &paint, FillRule::Winding, scale, None);
        }
        if let Some(paint) = paint(attributes, "stroke") {
            let stroke = Stroke {
                width,
                line_join: LineJoin::Round,
                ..Stroke::default()
            };
            self.dots.stroke_path(path, &paint, &stroke, scale, None);
        }
    }

    fn words(&mut self, attributes: &Attributes, text: &str) {
        let size = number(attributes, "font-size").unwrap_or(self.size);
        let scale = size / f32::from(self.face.units_per_em());
        let glyphs: Vec<GlyphId> = text
            .chars()
            .map(|c| self.face.glyph_index(c).unwrap_or_default())
            .collect();
        let advance = |glyph: &GlyphId| f32::from(self.face.glyph_hor_advance(*glyph).unwrap_or(0)) * scale;
        let length: f32 = glyphs.iter().map(advance).sum();
        let at = number(attributes, "x").unwrap_or(0.0);
        let mut outline = Outline {
            path: PathBuilder::new(),
            x: match attributes.get("text-anchor").map(|anchor| &**anchor) {
                Some("middle") => at - length / 2.0,
                Some("end") => at - length,
                _ => at,
            },
            y: number(attributes, "y").unwrap_or(0.0),
            scale,
        };
        for glyph in &glyphs {
            // A blank has no outline.
            let _blank = self.face.outline_glyph(*glyph, &mut outline);
            outline.x += advance(glyph);
        }
        let Some(path) = outline.path.finish() else { return };
        self.draw(&path, attributes, 0.0);
        // Of the font there is one weight: bolder letters have an edge of their own color.
        if attributes.contains_key("font-weight")
            && let Some(paint) = paint(attributes, "fill")
        {
            let stroke = Stroke {
                width: size * 0.04,
                ..Stroke::default()
            };
            let scale = Transform::from_scale(SCALE, SCALE);
            self.dots.stroke_path(&path, &paint, &stroke, scale, None);
        }
    }
}

/// Letters as one path.
struct Outline {
    path: PathBuilder,
    x: f32,
    y: f32,
    scale: f32,
}

impl Outline {
    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.y - y * self.scale)
    }
}

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.place(x1, y1), self.place(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.place(x1, y1), self.place(x2, y2), self.place(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

fn through(points: impl IntoIterator<Item = (f32, f32)>) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (x, y) in points {
        if path.is_empty() {
            path.move_to(x, y);
        } else {
            path.line_to(x, y);
        }
    }
    path.finish()
}

fn number(attributes: &Attributes, name: &str) -> Option<f32> {
    attributes
        .get(name)?
        .parse()
        .ok()
        .filter(|number: &f32| number.is_finite())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a side of a picture, from 1 to some thousand"
)]
fn whole(length: f32) -> u32 {
    length.round() as u32
}

/// A color as `#rrggbb`; nothing where there is none.
fn paint(attributes: &Attributes, name: &str) -> Option<Paint<'static>> {
    let digits = attributes.get(name)?.strip_prefix('#')?.to_owned();
    let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let mut paint = Paint {
        anti_alias: true,
        ..Paint::default()
    };
    paint.set_color(Color::from_rgba8(part(0)?, part(2)?, part(4)?, 255));
    Some(paint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charts::{HeatMap, Unit, svg};

    fn dots(picture: &str) -> Pixmap {
        Pixmap::decode_png(&png(picture).unwrap()).unwrap()
    }

    fn small(inside: &str) -> String {
        format!("<svg width=\"40\" height=\"20\" font-size=\"15\">{inside}</svg>")
    }

    fn color(dots: &Pixmap, x: u32, y: u32) -> (u8, u8, u8, u8) {
        let dot = dots.pixel(x * 2, y * 2).unwrap();
        (dot.red(), dot.green(), dot.blue(), dot.alpha())
    }

    #[test]
    fn a_shape_is_where_it_says_in_its_color() {
        let shapes = "<rect x=\"0\" y=\"0\" width=\"40\" height=\"20\" fill=\"#ffffff\"/>\
                      <rect x=\"10\" y=\"5\" width=\"10\" height=\"10\" fill=\"#15803d\"/>\
                      <line x1=\"0\" x2=\"40\" y1=\"18\" y2=\"18\" stroke=\"#b91c1c\" stroke-width=\"2\"/>";
        let dots = dots(&small(shapes));
        assert_eq!((dots.width(), dots.height()), (80, 40), "twice the size");
        assert_eq!(color(&dots, 15, 10), (0x15, 0x80, 0x3d, 255));
        assert_eq!(color(&dots, 5, 10), (255, 255, 255, 255));
        assert_eq!(color(&dots, 30, 18), (0xb9, 0x1c, 0x1c, 255));
    }

    #[test]
    fn words_stand_where_their_anchor_says() {
        let inked = |anchor: &str| {
            let word = format!("<text x=\"20\" y=\"15\" text-anchor=\"{anchor}\" fill=\"#000000\">\nI&amp;I\n</text>");
            let dots = dots(&small(&word));
            let inked = |columns: std::ops::Range<u32>| {
                columns
                    .flat_map(|x| (0..20).map(move |y| (x, y)))
                    .filter(|(x, y)| color(&dots, *x, *y).3 > 0)
                    .count()
            };
            (inked(0..20) > 0, inked(20..40) > 0)
        };
        assert_eq!(inked("start"), (false, true));
        assert_eq!(inked("end"), (true, false));
        assert_eq!(inked("middle"), (true, true));
    }

    #[test]
    fn every_letter_of_the_pictures_is_in_the_font() {
        let face = Face::parse(FONT, 0).unwrap();
        for letter in ('!'..='~').chain("äéß€£¥−×÷–…".chars()) {
            assert!(face.glyph_index(letter).is_some(), "{letter}");
        }
    }

    #[test]
    fn every_picture_can_be_drawn() {
        let empty = HeatMap {
            title: "Nothing".to_owned(),
            note: String::new(),
            corner: String::new(),
            columns: Vec::new(),
            rows: Vec::new(),
        };
        for picture in [empty.svg(), svg::history("MRR", &[], None, Unit::UsCents)] {
            let dots = dots(&picture);
            assert_eq!((dots.width(), dots.height()), (2_560, 1_440), "sixteen to nine");
        }
        assert!(png("no picture").is_err());
        assert!(png("<svg width=\"9999999\" height=\"1\"></svg>").is_err());
    }
}
