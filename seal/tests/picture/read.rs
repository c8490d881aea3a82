//! Files of pictures: what is read, and what is refused before it can do harm.

use std::io::{Cursor, Write};
use std::path::PathBuf;

use flate2::{Compression, Crc, write::ZlibEncoder};
use image::{DynamicImage, ImageFormat, RgbaImage};
use seal::Error;
use seal::geometry::Size;
use seal::picture::{Font, MAX_BYTES, MAX_PIXELS, MAX_SIDE, Picture, Template};

const SIZE: Size = Size { width: 42.0, height: 42.0 };

fn sample(name: &str) -> Option<Vec<u8>> {
    let samples = std::env::var_os("COSIGN_SAMPLES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/samples")),
        PathBuf::from,
    );
    let file = std::fs::read(samples.join("images").join(name)).ok();
    if file.is_none() {
        eprintln!("skipped: samples not present");
    }
    file
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(data);
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], kind, data, &crc.sum().to_be_bytes()].concat()
}

fn png(width: u32, height: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunks.concat(), chunk(b"IEND", &[])].concat()
}

fn zeros(megabytes: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    for _ in 0..megabytes {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap()
}

fn seal() -> Picture {
    Template::square("王小明").draw(&Font::bundled()).unwrap().render(150.0).unwrap()
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let seal = seal();
    let pixels = RgbaImage::from_raw(seal.width(), seal.height(), seal.rgba().to_vec()).unwrap();
    let mut picture = DynamicImage::from(pixels);
    if format == ImageFormat::Jpeg {
        picture = picture.into_rgb8().into();
    }
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

#[test]
fn samples_have_their_sizes() {
    for (name, side) in
        [("StampImg.png", 400), ("seal_test_dms360.png", 125), ("seal_test_unit_contract.gif", 236)]
    {
        let Some(file) = sample(name) else { return };
        let picture = Picture::decode(&file, SIZE).unwrap();
        assert_eq!((picture.width(), picture.height(), picture.size()), (side, side, SIZE), "{name}");
        let red = |pixel: &[u8]| pixel[0] > 150 && pixel[1] < 100 && pixel[3] > 128;
        assert!(picture.rgba().chunks(4).any(red), "no red: {name}");
    }
    let Some(ofd) = sample("seal_picture_as_ofd_test_tax.ofd") else { return };
    assert!(matches!(Picture::decode(&ofd, SIZE), Err(Error::Unsupported(_))));
}

#[test]
fn what_was_written_is_read_again() {
    let seal = seal();
    assert_eq!(Picture::decode(&seal.to_png().unwrap(), seal.size()).unwrap(), seal);
    for format in [ImageFormat::Png, ImageFormat::Bmp] {
        assert_eq!(Picture::decode(&encoded(format), seal.size()).unwrap(), seal, "{format:?}");
    }
    for format in [ImageFormat::Jpeg, ImageFormat::Gif] {
        let read = Picture::decode(&encoded(format), seal.size()).unwrap();
        assert_eq!((read.width(), read.height()), (seal.width(), seal.height()), "{format:?}");
    }
}

#[test]
fn a_png_file_says_its_resolution_and_is_always_the_same() {
    let file = seal().to_png().unwrap();
    assert_eq!(file, seal().to_png().unwrap());
    // 20 mm at 150 dpi are 118 pixels, 5900 in a metre.
    assert_eq!(file[33..54], chunk(b"pHYs", &[0, 0, 0x17, 0x0C, 0, 0, 0x17, 0x0C, 1]));
}

#[test]
fn pixels_must_be_as_many_as_the_sides_say() {
    assert!(matches!(Picture::new(SIZE, 2, 2, vec![0; 15]), Err(Error::Unusable(_))));
    assert!(matches!(Picture::new(SIZE, 0, 2, vec![]), Err(Error::Unusable(_))));
    assert!(matches!(Picture::new(SIZE, u32::MAX, u32::MAX, vec![]), Err(Error::TooLarge(_))));
    assert!(Picture::new(SIZE, 2, 2, vec![0; 16]).is_ok());
}

#[test]
fn a_picture_has_a_size_on_paper() {
    let file = encoded(ImageFormat::Png);
    for side in [0.0, -1.0, f64::NAN, f64::INFINITY, 2001.0] {
        for size in [Size { width: side, height: 1.0 }, Size { width: 1.0, height: side }] {
            assert!(matches!(Picture::decode(&file, size), Err(Error::Unusable(_))), "{size:?}");
        }
    }
}

#[test]
fn huge_canvases_are_refused_by_their_headers() {
    let data = chunk(b"IDAT", &zeros(1));
    let bmp = |side: i32| {
        let sides = [side.to_le_bytes(), side.to_le_bytes()].concat();
        let info = [&40u32.to_le_bytes()[..], &sides, &[1, 0, 32, 0], &[0; 24]].concat();
        [b"BM", &[0; 8][..], &54u32.to_le_bytes(), &info, &[0; 64]].concat()
    };
    let components = [3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0];
    let jpeg = [
        &[0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0xFF, 0xFF, 0xFF, 0xFF][..],
        &components,
        &[0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0, 0, 0, 0xFF, 0xD9],
    ]
    .concat();
    let gif =
        [b"GIF89a", &[0xFF; 4][..], &[0, 0, 0], b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;"].concat();
    let side = u32::try_from(MAX_PIXELS.isqrt()).unwrap();
    for (what, file) in [
        ("png", png(65_535, 65_535, std::slice::from_ref(&data))),
        ("png, wide", png(MAX_SIDE + 1, 1, std::slice::from_ref(&data))),
        ("png, just too many pixels", png(side + 1, side, std::slice::from_ref(&data))),
        ("gif", gif),
        ("bmp", bmp(65_535)),
        ("jpeg", jpeg),
    ] {
        let error = Picture::decode(&file, SIZE).err();
        assert!(matches!(error, Some(Error::TooLarge(_))), "{what}: {error:?}");
    }
    // At the limit it is the pixels that lack.
    assert!(matches!(Picture::decode(&png(side, side, &[data]), SIZE), Err(Error::Malformed(_))));
    assert!(matches!(Picture::decode(&vec![0; MAX_BYTES + 1], SIZE), Err(Error::TooLarge(_))));
}

#[test]
fn what_a_bomb_holds_beyond_its_pixels_is_not_unpacked() {
    let bomb = zeros(48);
    assert!(bomb.len() < 1 << 17);
    let pixels = png(1, 1, &[chunk(b"IDAT", &bomb)]);
    let text = png(1, 1, &[chunk(b"zTXt", &[b"a\0\0", &bomb[..]].concat()), chunk(b"IDAT", &zeros(1))]);
    let profile = png(1, 1, &[chunk(b"iCCP", &[b"a\0\0", &bomb[..]].concat()), chunk(b"IDAT", &zeros(1))]);
    for (what, file) in [("pixels", pixels), ("text", text), ("profile", profile)] {
        let picture = Picture::decode(&file, SIZE);
        assert_eq!(picture.map(|picture| picture.rgba().to_vec()), Ok(vec![0; 4]), "{what}");
    }
}

#[test]
fn files_cut_short_are_refused() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::Bmp] {
        let file = encoded(format);
        for part in 1..20 {
            let error = Picture::decode(&file[..file.len() * part / 20], SIZE).err();
            assert!(matches!(error, Some(Error::Malformed(_))), "{format:?}, {part} of 20: {error:?}");
        }
    }
    for other in [&b""[..], b"PK\x03\x04", b"%PDF-1.7", b"RIFF\0\0\0\0WEBPVP8 ", b"II*\0\0\0\0\0"] {
        assert!(matches!(Picture::decode(other, SIZE), Err(Error::Unsupported(_))));
    }
}

#[test]
fn a_photo_is_turned_as_its_metadata_say() {
    let wide =
        RgbaImage::from_fn(32, 16, |x, _| if x < 16 { [255, 0, 0, 255].into() } else { [255; 4].into() });
    let mut file = Cursor::new(Vec::new());
    DynamicImage::from(wide).into_rgb8().write_to(&mut file, ImageFormat::Jpeg).unwrap();
    let mut file = file.into_inner();
    // Exif with one entry: orientation 6, to be turned by a right angle clockwise.
    let exif = b"\xFF\xE1\0\x22Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    file.splice(2..2, exif.iter().copied());
    let picture = Picture::decode(&file, SIZE).unwrap();
    assert_eq!((picture.width(), picture.height()), (16, 32));
    assert!(picture.rgba()[1] < 64, "what was left is now above");
}
