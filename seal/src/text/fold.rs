//! Characters that look alike and mean the same.

/// The ideographs that the Kangxi radicals from U+2F00 look like, in order.
const KANGXI: &str = "一丨丶丿乙亅二亠人儿入八冂冖冫几凵刀力勹匕匚匸十卜卩厂厶又口囗土士夂夊夕大女子宀寸小尢尸屮山巛工己\
    巾干幺广廴廾弋弓彐彡彳心戈戶手支攴文斗斤方无日曰月木欠止歹殳毋比毛氏气水火爪父爻爿片牙牛犬玄玉瓜瓦甘生用田疋疒癶\
    白皮皿目矛矢石示禸禾穴立竹米糸缶网羊羽老而耒耳聿肉臣自至臼舌舛舟艮色艸虍虫血行衣襾見角言谷豆豕豸貝赤走足身車辛辰\
    辵邑酉釆里金長門阜隶隹雨靑非面革韋韭音頁風飛食首香馬骨高髟鬥鬯鬲鬼魚鳥鹵鹿麥麻黃黍黑黹黽鼎鼓鼠鼻齊齒龍龜龠";

/// Of the supplementary radicals, those that look like an ideograph that is a word.
const RADICALS: [(char, char); 22] = [
    ('\u{2e81}', '厂'),
    ('\u{2e9f}', '母'),
    ('\u{2ea0}', '民'),
    ('\u{2ec4}', '西'),
    ('\u{2ec5}', '见'),
    ('\u{2ec6}', '角'),
    ('\u{2ec9}', '贝'),
    ('\u{2ecb}', '车'),
    ('\u{2ed3}', '长'),
    ('\u{2ed4}', '门'),
    ('\u{2ed8}', '青'),
    ('\u{2eda}', '页'),
    ('\u{2edb}', '风'),
    ('\u{2edc}', '飞'),
    ('\u{2ee2}', '马'),
    ('\u{2ee5}', '鱼'),
    ('\u{2ee6}', '鸟'),
    ('\u{2ee8}', '麦'),
    ('\u{2ee9}', '黄'),
    ('\u{2eec}', '齐'),
    ('\u{2ef0}', '龙'),
    ('\u{2ef3}', '龟'),
];

/// What a character is compared as; `None` for one that does not count: white space and what is not seen.
///
/// Full-width forms are their narrow ones, and radicals, which fonts often name instead, are the ideographs that they look
/// like. Everything else, upper and lower case too, is itself.
pub(super) fn fold(character: char) -> Option<char> {
    let code = u32::from(character);
    match character {
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => None,
        _ if character.is_whitespace() || character.is_control() => None,
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(code - 0xfee0),
        '\u{2e80}'..='\u{2eff}' => {
            let found = RADICALS.iter().find(|(radical, _)| *radical == character);
            Some(found.map_or(character, |(_, ideograph)| *ideograph))
        }
        '\u{2f00}'..='\u{2fd5}' => {
            let index = usize::try_from(code - 0x2f00).ok()?;
            Some(KANGXI.chars().nth(index).unwrap_or(character))
        }
        _ => Some(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_alike_is_compared_as_the_same() {
        assert_eq!(KANGXI.chars().count(), 214);
        for (seen, same) in [
            ('Ａ', 'A'),
            ('：', ':'),
            ('～', '~'),
            ('⼀', '一'),
            ('⽅', '方'),
            ('⿕', '龠'),
            ('⻓', '长'),
            ('⻚', '页'),
            ('甲', '甲'),
            ('a', 'a'),
            ('。', '。'),
        ] {
            assert_eq!(fold(seen), Some(same), "{seen}");
        }
        for nothing in [' ', '\u{3000}', '\t', '\n', '\u{a0}', '\u{200b}', '\u{feff}', '\u{ad}', '\0'] {
            assert_eq!(fold(nothing), None, "{nothing:?}");
        }
    }
}
