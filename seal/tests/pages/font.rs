//! A font whose characters are squares.

/// Units of the em.
const UNITS: u16 = 1000;

/// A font of TrueType in which each of these characters, given in ascending order, is a square from (0, 0) to (1000, 1000); the
/// glyphs are numbered from 1.
pub(crate) fn squares(characters: &[char]) -> Vec<u8> {
    font(characters, &[])
}

/// The same, with glyphs after these that are made of glyphs: each of those whose numbers are given.
pub(crate) fn font(characters: &[char], composites: &[Vec<u16>]) -> Vec<u8> {
    let glyphs = u16::try_from(characters.len() + composites.len()).unwrap() + 1;
    let be = |numbers: &[i32]| -> Vec<u8> {
        numbers.iter().flat_map(|number| i16::try_from(*number).unwrap().to_be_bytes()).collect()
    };
    // One contour of four points on the curve, with differences of two bytes.
    let mut square = be(&[1, 0, 0, 1000, 1000, 3, 0]);
    square.extend([1; 4]);
    square.extend(be(&[0, 0, 1000, 0, 0, 1000, 0, -1000]));
    let mut head = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x5f, 0x0f, 0x3c, 0xf5, 0, 0];
    head.extend(UNITS.to_be_bytes());
    head.extend([0; 16]);
    head.extend(be(&[0, 0, 1000, 1000, 0, 8, 2, 1, 0]));
    let mut maxp = vec![0, 1, 0, 0];
    maxp.extend(glyphs.to_be_bytes());
    maxp.extend(be(&[4, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]));
    let mut hhea = vec![0, 1, 0, 0];
    hhea.extend(be(&[880, -120, 0, 1000, 0, 0, 1000, 1, 0, 0, 0, 0, 0, 0, 0]));
    hhea.extend(glyphs.to_be_bytes());
    let hmtx: Vec<u8> = (0..glyphs).flat_map(|_| be(&[1000, 0])).collect();
    // The first glyph is empty.
    let mut loca = vec![0; 4];
    let mut glyf: Vec<u8> = Vec::new();
    let squares = characters.iter().map(|_| square.clone());
    let composites = composites.iter().map(|parts| {
        let mut glyph = be(&[-1, 0, 0, 1000, 1000]);
        for (index, part) in parts.iter().enumerate() {
            // Numbers of one byte for the place, and more parts to come.
            glyph.extend(be(&[if index + 1 < parts.len() { 0x22 } else { 2 }]));
            glyph.extend(part.to_be_bytes());
            glyph.extend([0, 0]);
        }
        glyph
    });
    for glyph in squares.chain(composites) {
        loca.extend(u32::try_from(glyf.len()).unwrap().to_be_bytes());
        glyf.extend(&glyph);
    }
    loca.extend(u32::try_from(glyf.len()).unwrap().to_be_bytes());
    let groups = u32::try_from(characters.len()).unwrap();
    let mut cmap = vec![0, 0, 0, 1, 0, 3, 0, 10, 0, 0, 0, 12, 0, 12, 0, 0];
    cmap.extend((16 + 12 * groups).to_be_bytes());
    cmap.extend([0; 4]);
    cmap.extend(groups.to_be_bytes());
    for (index, character) in characters.iter().enumerate() {
        let code = u32::from(*character);
        cmap.extend(code.to_be_bytes());
        cmap.extend(code.to_be_bytes());
        cmap.extend((u32::try_from(index).unwrap() + 1).to_be_bytes());
    }
    let tables: [(&[u8; 4], Vec<u8>); 7] = [
        (b"cmap", cmap),
        (b"glyf", glyf),
        (b"head", head),
        (b"hhea", hhea),
        (b"hmtx", hmtx),
        (b"loca", loca),
        (b"maxp", maxp),
    ];
    let mut font = vec![0, 1, 0, 0, 0, 7, 0, 64, 0, 2, 0, 48];
    let mut at = 12 + 16 * tables.len();
    let mut body = Vec::new();
    for (tag, table) in tables {
        font.extend(tag);
        font.extend([0; 4]);
        font.extend(u32::try_from(at).unwrap().to_be_bytes());
        font.extend(u32::try_from(table.len()).unwrap().to_be_bytes());
        let padded = table.len().next_multiple_of(4);
        body.extend(&table);
        body.resize(body.len() + padded - table.len(), 0);
        at += padded;
    }
    [font, body].concat()
}
