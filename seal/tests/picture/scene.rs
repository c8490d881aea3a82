//! Sheets of paper with seals on them, as a camera sees them.

use seal::geometry::Size;
use seal::picture::{Colour, Font, Picture, Template};

/// Pixels to an inch of everything.
pub(crate) const DPI: f64 = 150.0;

pub(crate) struct Scene {
    pub(crate) side: usize,
    /// Red, green and blue, from 0 to 1.
    pub(crate) pixels: Vec<[f64; 3]>,
    random: u64,
}

impl Scene {
    /// Yellowish paper, half as bright at the lower right as at the upper left.
    pub(crate) fn paper(side: usize) -> Self {
        let light = |at: usize| 1.0 - 0.5 * ((at % side + at / side) as f64 / (2.0 * side as f64));
        let pixels =
            (0..side * side).map(|at| [0.97, 0.95, 0.9].map(|channel| channel * light(at))).collect();
        Self { side, pixels, random: 1 }
    }

    /// From -1 to 1, the same in each run.
    fn random(&mut self) -> f64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from((self.random >> 33) as u32) / f64::from(1u32 << 30) - 1.0
    }

    /// Presses a picture on the paper: its middle there, turned clockwise, with so much ink. What is below shows through.
    pub(crate) fn stamp(mut self, picture: &Picture, middle: (f64, f64), angle: f64, ink: f64) -> Self {
        let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
        let (sin, cos) = angle.sin_cos();
        for (at, pixel) in self.pixels.iter_mut().enumerate() {
            let (x, y) = ((at % self.side) as f64 + 0.5 - middle.0, (at / self.side) as f64 + 0.5 - middle.1);
            let (x, y) = (x * cos + y * sin + width / 2.0, y * cos - x * sin + height / 2.0);
            if (0.0..width).contains(&x) && (0.0..height).contains(&y) {
                let from = (y as usize * picture.width() as usize + x as usize) * 4;
                let [red, green, blue, alpha] =
                    [0, 1, 2, 3].map(|n| f64::from(picture.rgba()[from + n]) / 255.0);
                for (channel, colour) in pixel.iter_mut().zip([red, green, blue]) {
                    *channel *= 1.0 - alpha * ink * (1.0 - colour);
                }
            }
        }
        self
    }

    /// Lines of black print over the whole sheet, so many pixels apart.
    pub(crate) fn print(mut self, apart: f64) -> Self {
        let line =
            Template::strip("甲方代表签字盖章乙方代表签字盖章日期").colour(Colour::BLACK).line_width(0.2);
        let size = Size { width: 25.4 * self.side as f64 / DPI, height: 5.0 };
        let line = line.size(size).draw(&Font::bundled()).unwrap().render(DPI).unwrap();
        let middle = self.side as f64 / 2.0;
        let mut y = apart / 2.0;
        while y < self.side as f64 {
            self = self.stamp(&line, (middle, y), 0.0, 0.9);
            y += apart;
        }
        self
    }

    /// Bare paper in a circle around a place.
    pub(crate) fn worn(mut self, (x, y): (f64, f64), radius: f64) -> Self {
        let bare = Self::paper(self.side);
        for (at, pixel) in self.pixels.iter_mut().enumerate() {
            if ((at % self.side) as f64 - x).hypot((at / self.side) as f64 - y) < radius {
                *pixel = bare.pixels[at];
            }
        }
        self
    }

    pub(crate) fn noise(mut self, strength: f64) -> Self {
        for at in 0..self.pixels.len() {
            for channel in 0..3 {
                self.pixels[at][channel] += strength * self.random();
            }
        }
        self
    }

    /// Each pixel the mean of a square of this radius.
    pub(crate) fn blur(mut self, radius: usize) -> Self {
        let side = self.side;
        for step in [1, side] {
            let before = self.pixels.clone();
            for (at, pixel) in self.pixels.iter_mut().enumerate() {
                let place = at / step % side;
                let (low, high) = (place.saturating_sub(radius), (place + radius).min(side - 1));
                for (channel, value) in pixel.iter_mut().enumerate() {
                    let sum: f64 =
                        (low..=high).map(|other| before[at - place * step + other * step][channel]).sum();
                    *value = sum / (high - low + 1) as f64;
                }
            }
        }
        self
    }

    pub(crate) fn rgb(&self) -> Vec<u8> {
        self.pixels.iter().flatten().map(|channel| (channel * 255.0).round() as u8).collect()
    }

    /// As a BMP file.
    pub(crate) fn file(&self) -> Vec<u8> {
        self.encoded(image::ImageFormat::Bmp)
    }

    pub(crate) fn encoded(&self, format: image::ImageFormat) -> Vec<u8> {
        let side = u32::try_from(self.side).unwrap();
        let mut file = std::io::Cursor::new(Vec::new());
        let pixels = image::RgbImage::from_raw(side, side, self.rgb()).unwrap();
        image::DynamicImage::from(pixels).write_to(&mut file, format).unwrap();
        file.into_inner()
    }
}
