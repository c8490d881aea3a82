//! Pages and the text on them.

use seal::geometry::{Rect, Size};
use seal::ofd::{Color, LayerKind, Matrix, Object, Segment};
use seal::place::{Finder, Hit};

use crate::fixture::*;

const PAGE: &str = "Doc_0/Pages/Page_0/Content.xml";
const HEAD: &str = "<Page xmlns='http://www.ofdspec.org/2016'>";

/// A document of one page with this content.
fn page(inside: &str) -> Vec<u8> {
    let mut files = files(1);
    let (_, content) = files.iter_mut().find(|(path, _)| path == PAGE).expect("the page");
    *content = format!("{HEAD}{inside}</Page>").into_bytes();
    pack(&files)
}

fn layer(objects: &str) -> Vec<u8> {
    page(&format!("<Content><Layer ID='1'>{objects}</Layer></Content>"))
}

/// A text of the size 10 at 20 30, with attributes of the object and its pieces.
fn text(attributes: &str, pieces: &str) -> String {
    format!(
        "<TextObject ID='2' Boundary='20 30 100 10' Font='3' Size='10' {attributes}>{pieces}</TextObject>"
    )
}

fn find(package: &[u8], text: &str) -> Vec<Hit> {
    open(package).find(text).expect("readable")
}

/// The areas of a text, rounded.
fn areas(package: &[u8], text: &str) -> Vec<[f64; 4]> {
    let round = |number: f64| (number * 100.0).round() / 100.0;
    find(package, text)
        .iter()
        .map(|hit| [hit.area.x, hit.area.y, hit.area.width, hit.area.height].map(round))
        .collect()
}

#[test]
fn pages_have_their_own_size_or_that_of_the_document() {
    let a4 = Size { width: 210.0, height: 297.0 };
    assert_eq!(open(&document(3)).pages(), Ok(vec![a4; 3]));
    let own = page("<Area><PhysicalBox>0 0 100 50.5</PhysicalBox></Area>");
    assert_eq!(open(&own).pages(), Ok(vec![Size { width: 100.0, height: 50.5 }]));
    for bad in ["", "0 0 0 10", "0 0 10", "0 0 -1 10", "0 0 x 10", "0 0 inf 10"] {
        let own = page(&format!("<Area><PhysicalBox>{bad}</PhysicalBox></Area>"));
        assert_eq!(open(&own).pages(), Ok(vec![a4]), "{bad}");
    }
    let mut nothing = files(1);
    edit(&mut nothing, "Doc_0/Document.xml", "<ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox>", "");
    assert_eq!(open(&pack(&nothing)).pages(), Ok(vec![a4]));
}

#[test]
fn a_keyword_is_found_on_every_page() {
    let package = document(3);
    let hits = find(&package, "盖章");
    assert_eq!(hits.iter().map(|hit| hit.page).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(areas(&package, "盖章")[0], [40.0, 40.75, 10.0, 5.0]);
    assert_eq!(areas(&package, " 盖\n章 "), areas(&package, "盖章"));
    for absent in ["章盖", "盖章签"] {
        assert_eq!(find(&package, absent), [], "{absent:?}");
    }
    for nothing in ["", " \n"] {
        assert!(open(&package).find(nothing).is_err(), "{nothing:?}");
    }
}

#[test]
fn a_keyword_may_stand_several_times_in_a_piece_and_over_several() {
    let several = layer(&text("", "<TextCode X='0' Y='8' DeltaX='g 9 10'>甲乙甲乙丙甲乙</TextCode>"));
    assert_eq!(areas(&several, "甲乙").iter().map(|area| area[0]).collect::<Vec<_>>(), [20.0, 40.0, 70.0]);
    assert_eq!(areas(&several, "甲").len(), 3);
    let over = layer(
        &(text("", "<TextCode X='0' Y='8'>甲</TextCode><TextCode X='12'>乙</TextCode>")
            + "<TextObject ID='4' Boundary='50 30 9 9' Font='3' Size='10'><TextCode X='0' Y='8'>丙</TextCode></TextObject>"),
    );
    assert_eq!(areas(&over, "甲乙丙"), [[20.0, 29.5, 40.0, 10.0]]);
    assert_eq!(areas(&over, "乙丙").len(), 1);
    // In another order, as forms have it.
    let backwards = layer(
        &("<TextObject ID='4' Boundary='50 30 9 9' Font='3' Size='10'><TextCode X='0' Y='8'>乙</TextCode>\
        </TextObject>"
            .to_owned()
            + &text("", "<TextCode X='20' Y='8'>甲</TextCode>")),
    );
    assert_eq!(areas(&backwards, "甲乙").len(), 1);
    // Too far away, beside it and below.
    for place in ["X='91' Y='8'", "X='10' Y='36'"] {
        let away =
            layer(&text("", &format!("<TextCode X='0' Y='8'>甲</TextCode><TextCode {place}>乙</TextCode>")));
        assert_eq!(areas(&away, "甲乙"), Vec::<[f64; 4]>::new(), "{place}");
    }
    let spaced = layer(&text("", "<TextCode X='0' Y='8' DeltaX='g 9 10'>盖  章</TextCode>"));
    assert_eq!(areas(&spaced, "盖章"), [[20.0, 29.5, 40.0, 10.0]]);
    // Drawn twice to look bold.
    let bold = layer(&text(
        "",
        "<TextCode X='0' Y='8' DeltaX='10'>甲乙</TextCode><TextCode X='0.3' DeltaX='10'>甲乙</TextCode>",
    ));
    assert_eq!(areas(&bold, "甲乙").len(), 1);
}

#[test]
fn hits_come_line_by_line() {
    let at = |x: u32, y: u32| {
        format!(
            "<TextObject ID='4' Boundary='{x} {y} 9 9' Font='3' Size='5'><TextCode X='0' Y='4'>章</TextCode></TextObject>"
        )
    };
    let package = layer(&[at(100, 50), at(10, 51), at(50, 10), at(60, 200)].concat());
    let found: Vec<[f64; 2]> = areas(&package, "章").iter().map(|area| [area[0], area[1]]).collect();
    assert_eq!(found, [[50.0, 9.75], [10.0, 50.75], [100.0, 49.75], [60.0, 199.75]]);
}

#[test]
fn maps_and_directions_move_the_text() {
    let one = "<TextCode X='0' Y='8' DeltaX='10'>甲乙</TextCode>";
    assert_eq!(areas(&layer(&text("CTM='2 0 0 2 1 1'", one)), "甲乙"), [[21.0, 30.0, 40.0, 20.0]]);
    assert_eq!(areas(&layer(&text("CTM='0 1 -1 0 0 0'", one)), "甲乙"), [[10.5, 30.0, 10.0, 20.0]]);
    // From top to bottom.
    let down = "<TextCode X='0' Y='8' DeltaY='g 2 10'>甲乙丙</TextCode>";
    assert_eq!(areas(&layer(&text("", down)), "乙丙"), [[20.0, 39.5, 10.0, 20.0]]);
    let pieces = "<TextCode X='0' Y='8'>甲</TextCode><TextCode X='0' Y='20'>乙</TextCode>";
    assert_eq!(areas(&layer(&text("", pieces)), "甲乙"), [[20.0, 29.5, 10.0, 22.0]]);
    // No distances: as wide as characters mostly are.
    let bare = "<TextCode X='0' Y='8'>甲ab乙</TextCode>";
    assert_eq!(areas(&layer(&text("", bare)), "乙"), [[40.0, 29.5, 10.0, 10.0]]);
    assert_eq!(areas(&layer(&text("HScale='0.5'", bare)), "乙"), [[30.0, 29.5, 5.0, 10.0]]);
    assert_eq!(areas(&layer(&text("ReadDirection='90'", bare)), "乙"), [[20.0, 49.5, 10.0, 10.0]]);
    assert_eq!(
        areas(&layer(&text("CharDirection='90'", "<TextCode X='0' Y='8'>乙</TextCode>")), "乙"),
        [[18.5, 38.0, 10.0, 10.0]]
    );
    // The corner of the page is not 0 0.
    let moved = format!(
        "<Area><PhysicalBox>5 7 100 100</PhysicalBox></Area><Content><Layer>{}</Layer></Content>",
        text("", one)
    );
    assert_eq!(areas(&page(&moved), "甲乙"), [[15.0, 22.5, 20.0, 10.0]]);
}

#[test]
fn text_in_templates_blocks_and_units_counts() {
    let one = text("", "<TextCode X='0' Y='8' DeltaX='10'>甲乙</TextCode>");
    assert_eq!(
        areas(&layer(&format!("<PageBlock><PageBlock>{one}</PageBlock></PageBlock>")), "甲乙").len(),
        1
    );
    assert_eq!(areas(&layer(&one.replace("Font='3'", "Font='3' Visible='false'")), "甲乙").len(), 0);
    let mut files = files(1);
    edit(
        &mut files,
        "Doc_0/Document.xml",
        "</ofd:CommonData>",
        "<ofd:TemplatePage ID=\"7\" BaseLoc=\"T.xml\"/></ofd:CommonData>",
    );
    edit(
        &mut files,
        PAGE,
        "<ofd:Content>",
        "<ofd:Template TemplateID=\"7\" ZOrder=\"Foreground\"/><ofd:Template TemplateID=\"8\"/><ofd:Content>",
    );
    files.push((
        "Doc_0/T.xml".to_owned(),
        format!("{HEAD}<Content><Layer>{one}</Layer></Content></Page>").into_bytes(),
    ));
    let unit = format!(
        "<ofd:X><CompositeGraphicUnit xmlns='http://www.ofdspec.org/2016' ID='9'><Content>{}</Content></CompositeGraphicUnit></ofd:X></ofd:Res>",
        one.replace('甲', "丙")
    );
    edit(&mut files, "Doc_0/DocumentRes.xml", "</ofd:Res>", &unit);
    edit(
        &mut files,
        PAGE,
        "</ofd:Layer>",
        "<ofd:CompositeObject ID=\"5\" ResourceID=\"9\" Boundary=\"100 100 9 9\" CTM=\"2 0 0 2 0 0\"/></ofd:Layer>",
    );
    let package = pack(&files);
    assert_eq!(areas(&package, "甲乙"), [[20.0, 29.5, 20.0, 10.0]]);
    assert_eq!(areas(&package, "丙乙"), [[140.0, 159.0, 40.0, 20.0]]);
    let kinds: Vec<LayerKind> =
        open(&package).content(0).expect("readable").layers.iter().map(|layer| layer.kind).collect();
    assert_eq!(kinds, [LayerKind::Body, LayerKind::FrontTemplate]);
}

#[test]
fn objects_have_what_a_renderer_needs() {
    let mut files = files(1);
    let params = "<ofd:DrawParams><ofd:DrawParam ID=\"20\" LineWidth=\"2\" Relative=\"21\"/>\
        <ofd:DrawParam ID=\"21\" LineWidth=\"9\" Relative=\"20\"><ofd:FillColor Value=\"0 0 255\" Alpha=\"9\"/></ofd:DrawParam></ofd:DrawParams></ofd:Res>";
    edit(&mut files, "Doc_0/DocumentRes.xml", "</ofd:Res>", params);
    edit(&mut files, PAGE, "<ofd:Layer ", "<ofd:Layer DrawParam=\"20\" ");
    let clip = "<ofd:PathObject Boundary=\"1 1 9 9\" Alpha=\"100\" Fill=\"true\" Rule=\"Even-Odd\" DashPattern=\"1 2\"><ofd:Clips><ofd:Clip>\
        <ofd:Area CTM=\"1 0 0 1 3 0\"><ofd:Path Boundary=\"0 5 1 1\"><ofd:AbbreviatedData>M 0 0 C</ofd:AbbreviatedData></ofd:Path></ofd:Area></ofd:Clip></ofd:Clips>\
        <ofd:StrokeColor Value=\"255 0 0\"/><ofd:AbbreviatedData>M 1 1 L 2 2</ofd:AbbreviatedData></ofd:PathObject></ofd:Layer>";
    edit(&mut files, PAGE, "</ofd:Layer>", clip);
    let map = "<ofd:CGTransform CodePosition=\"1\" CodeCount=\"2\" GlyphCount=\"2\"><ofd:Glyphs>17 18</ofd:Glyphs></ofd:CGTransform><ofd:TextCode";
    edit(&mut files, PAGE, "<ofd:TextCode", map);
    let package = pack(&files);
    let mut document = open(&package);
    let content = document.content(0).expect("readable");
    let [Object::Text(text), Object::Image(image), Object::Path(line), Object::Path(path)] =
        &content.layers[0].objects[..]
    else {
        panic!("{content:?}");
    };
    let blue = Color { rgb: [0, 0, 255], alpha: 9 };
    assert_eq!(
        (text.font.as_str(), text.size, text.drawing.fill, text.drawing.stroke),
        ("3", 5.0, Some(blue), None)
    );
    assert_eq!(text.common.matrix, Matrix::translation(30.0, 40.0));
    assert_eq!((text.runs[0].glyphs.len(), text.runs[0].maps[0].glyphs.as_slice()), (5, [17, 18].as_slice()));
    assert_eq!((image.file.as_deref(), image.resource.as_str()), (Some("/Doc_0/Res/dot.bin"), "4"));
    assert_eq!(image.common.matrix.apply(1.0, 1.0), (30.0, 120.0));
    assert_eq!((line.drawing.line_width, line.drawing.fill, line.even_odd), (0.5, None, false));
    assert_eq!(line.segments, [Segment::Move([0.0; 2]), Segment::Line([50.0; 2])]);
    let red = Color { rgb: [255, 0, 0], alpha: 255 };
    assert_eq!(
        (path.drawing.stroke, path.drawing.fill, path.drawing.line_width),
        (Some(red), Some(blue), 2.0)
    );
    assert_eq!(
        (path.common.alpha, path.even_odd, path.dashes.as_slice()),
        (100, true, [1.0, 2.0].as_slice())
    );
    let (matrix, segments) = &path.common.clips[0];
    assert_eq!((matrix.apply(0.0, 0.0), segments.len()), ((4.0, 6.0), 2));
    assert_eq!(path.common.boundary, Rect { x: 1.0, y: 1.0, width: 9.0, height: 9.0 });
    assert_eq!(document.resources(0).expect("readable").fonts["3"].name, "宋体");
    assert!(document.content(1).is_err());
}
