//! A map of the world's land for the administrator's desk, and for each country its name and a place on its largest land,
//! from Natural Earth.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::extents::NAMED;

/// The map shows what lies between these, in degrees north: nobody signs in from farther.
const NORTH: f64 = 84.0;
const SOUTH: f64 = -58.0;

/// Units of the picture for a degree.
const SCALE: f64 = 2.0;

/// Islands smaller than this are left out of the picture, in square degrees; the dots upon them are not.
const SMALLEST: f64 = 0.5;

/// Parts that the map draws as a part of their state, or without a number: code, name, degrees north and east.
const PARTS: &[(&str, &str, f64, f64)] = &[
    ("BQ", "Bonaire", 12.2, -68.3),
    ("CC", "Cocos Islands", -12.2, 96.8),
    ("CX", "Christmas Island", -10.5, 105.6),
    ("GF", "French Guiana", 4.0, -53.1),
    ("GP", "Guadeloupe", 16.2, -61.5),
    ("MQ", "Martinique", 14.6, -61.0),
    ("RE", "Réunion", -21.1, 55.5),
    ("SJ", "Svalbard", 78.7, 16.0),
    ("TK", "Tokelau", -9.2, -171.8),
    ("YT", "Mayotte", -12.8, 45.2),
];

/// Degrees east and north.
type Point = (f64, f64);

/// The map of the land.
pub fn build_land(land: &Path, out: &Path) -> anyhow::Result<()> {
    let map: Value = serde_json::from_slice(&std::fs::read(land)?)?;
    let arcs = read_arcs(&map)?;
    let mut path = String::new();
    for ring in rings(&map["objects"]["land"], &arcs) {
        if ring.iter().all(|(_, north)| *north < SOUTH) || area(&ring).abs() < SMALLEST {
            continue;
        }
        // What reaches over the date line is seen at both ends.
        for moved in [0.0, 360.0, -360.0] {
            let is_seen = |(east, _): &Point| (-180.0..=180.0).contains(&(east + moved));
            if moved != 0.0 && !ring.iter().any(is_seen) {
                continue;
            }
            let drawn = ring.iter().map(|(east, north)| {
                let x = ((east + moved + 180.0) * SCALE).round();
                let y = ((NORTH - north.clamp(SOUTH, NORTH)) * SCALE).round();
                format!("{x} {y}")
            });
            let mut points: Vec<String> = drawn.collect();
            points.dedup();
            if points.len() > 2 {
                write!(path, "M{}Z", points.join("L"))?;
            }
        }
    }
    let (width, height) = (360.0 * SCALE, (NORTH - SOUTH) * SCALE);
    let svg = format!(
        "<!-- The world's land, from Natural Earth 1:110m (public domain). Made by geoip/build, map. -->\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\"><path fill=\"#8795a3\" \
         fill-opacity=\".45\" d=\"{path}\"/></svg>\n"
    );
    super::replace(out, svg.as_bytes())
}

/// The table of names and places.
pub fn build_places(map: &Path, codes: &Path, out: &Path) -> anyhow::Result<()> {
    let map: Value = serde_json::from_slice(&std::fs::read(map)?)?;
    let codes: Vec<Vec<String>> = serde_json::from_slice(&std::fs::read(codes)?)?;
    let by_number: BTreeMap<&str, &str> =
        codes.iter().filter(|code| code.len() >= 3).map(|code| (code[2].as_str(), code[0].as_str())).collect();
    let arcs = read_arcs(&map)?;
    let countries = map["objects"]["countries"]["geometries"].as_array().context("a map without countries")?;
    let mut table: BTreeMap<String, (String, Point)> = BTreeMap::new();
    for country in countries {
        let name = country["properties"]["name"].as_str().unwrap_or_default();
        let numbered = country["id"].as_str().and_then(|id| by_number.get(id)).copied();
        let named = NAMED.iter().find(|(known, _)| *known == name).and_then(|(_, owners)| owners.first().copied());
        let Some(code) = numbered.or(named.filter(|code| *code == "XK")) else { continue };
        let largest = rings(country, &arcs).into_iter().max_by(|a, b| area(a).abs().total_cmp(&area(b).abs()));
        let Some(middle) = largest.as_deref().map(middle) else { continue };
        table.entry(code.to_owned()).or_insert_with(|| (spelled_out(name), middle));
    }
    for (code, name, north, east) in PARTS {
        table.entry((*code).to_owned()).or_insert(((*name).to_owned(), (*east, *north)));
    }
    let mut text = String::from(
        "//! What countries are called in English, and a place on their largest land, from Natural Earth 1:10m (public\n\
         //! domain). Made by `geoip/build`, `places`; `geoip/README.md` says how.\n\n\
         /// The row of a code, without it.\n\
         pub(super) fn find(code: [u8; 2]) -> Option<(&'static str, f32, f32)> {\n    \
         let found = PLACES.binary_search_by_key(&code, |(code, ..)| *code).ok()?;\n    \
         let (_, name, north, east) = PLACES[found];\n    Some((name, north, east))\n}\n\n\
         /// Code, name, degrees north and east; in the order of the codes.\n\
         #[rustfmt::skip]\n\
         static PLACES: &[([u8; 2], &str, f32, f32)] = &[\n",
    );
    for (code, (name, (east, north))) in &table {
        writeln!(text, "    (*b\"{code}\", \"{name}\", {north:.1}, {east:.1}),")?;
    }
    text.push_str("];\n");
    super::replace(out, text.as_bytes())
}

/// The map is short of room; a table is not.
fn spelled_out(name: &str) -> String {
    let whole = [
        ("Antigua and Barb.", "Antigua and Barbuda"),
        ("Bosnia and Herz.", "Bosnia and Herzegovina"),
        ("Br. Indian Ocean Ter.", "British Indian Ocean Territory"),
        ("British Virgin Is.", "British Virgin Islands"),
        ("Cayman Is.", "Cayman Islands"),
        ("Central African Rep.", "Central African Republic"),
        ("Cook Is.", "Cook Islands"),
        ("Dem. Rep. Congo", "DR Congo"),
        ("Dominican Rep.", "Dominican Republic"),
        ("Eq. Guinea", "Equatorial Guinea"),
        ("Faeroe Is.", "Faroe Islands"),
        ("Falkland Is.", "Falkland Islands"),
        ("Fr. Polynesia", "French Polynesia"),
        ("Fr. S. Antarctic Lands", "French Southern Lands"),
        ("Heard I. and McDonald Is.", "Heard and McDonald Islands"),
        ("Macedonia", "North Macedonia"),
        ("Marshall Is.", "Marshall Islands"),
        ("N. Mariana Is.", "Northern Mariana Islands"),
        ("Pitcairn Is.", "Pitcairn Islands"),
        ("S. Geo. and the Is.", "South Georgia"),
        ("S. Sudan", "South Sudan"),
        ("Solomon Is.", "Solomon Islands"),
        ("St. Kitts and Nevis", "Saint Kitts and Nevis"),
        ("St. Pierre and Miquelon", "Saint Pierre and Miquelon"),
        ("St. Vin. and Gren.", "Saint Vincent and the Grenadines"),
        ("St-Barthélemy", "Saint Barthélemy"),
        ("St-Martin", "Saint Martin"),
        ("Turks and Caicos Is.", "Turks and Caicos Islands"),
        ("U.S. Minor Outlying Is.", "US Minor Outlying Islands"),
        ("U.S. Virgin Is.", "US Virgin Islands"),
        ("United States of America", "United States"),
        ("W. Sahara", "Western Sahara"),
        ("Wallis and Futuna Is.", "Wallis and Futuna"),
        ("eSwatini", "Eswatini"),
    ];
    whole.iter().find(|(short, _)| *short == name).map_or(name, |(_, whole)| whole).to_owned()
}

/// TopoJSON's arcs, in degrees east and north: each begins at a point of the grid, and goes on by differences.
pub fn read_arcs(map: &Value) -> anyhow::Result<Vec<Vec<Point>>> {
    let pair = |value: &Value| -> Option<[f64; 2]> { Some([value[0].as_f64()?, value[1].as_f64()?]) };
    let scale = pair(&map["transform"]["scale"]).context("a map without scale")?;
    let moved = pair(&map["transform"]["translate"]).context("a map without translation")?;
    let arcs = map["arcs"].as_array().context("a map without arcs")?;
    arcs.iter()
        .map(|arc| {
            let mut at = [0.0, 0.0];
            let steps = arc.as_array().context("an arc is a list")?;
            let points = steps.iter().map(|step| {
                let step = pair(step).context("a step has two numbers")?;
                at = [at[0] + step[0], at[1] + step[1]];
                Ok((at[0] * scale[0] + moved[0], at[1] * scale[1] + moved[1]))
            });
            points.collect()
        })
        .collect()
}

/// Every ring of a geometry, holes included.
fn rings(geometry: &Value, arcs: &[Vec<Point>]) -> Vec<Vec<Point>> {
    fn collect(value: &Value, arcs: &[Vec<Point>], found: &mut Vec<Vec<Point>>) {
        let Some(list) = value.as_array() else { return };
        if list.iter().any(Value::is_array) {
            list.iter().for_each(|inner| collect(inner, arcs, found));
            return;
        }
        let mut ring: Vec<Point> = Vec::new();
        for number in list.iter().filter_map(Value::as_i64) {
            let at = usize::try_from(if number < 0 { !number } else { number }).unwrap_or(usize::MAX);
            let Some(arc) = arcs.get(at) else { continue };
            // Each begins where the one before ended.
            let skipped = usize::from(!ring.is_empty());
            if number < 0 {
                ring.extend(arc.iter().rev().skip(skipped));
            } else {
                ring.extend(arc.iter().skip(skipped));
            }
        }
        found.push(unbroken(ring));
    }
    let mut found = Vec::new();
    match geometry["geometries"].as_array() {
        Some(several) => several.iter().for_each(|one| found.extend(rings(one, arcs))),
        None => collect(&geometry["arcs"], arcs, &mut found),
    }
    found
}

/// A ring that crosses the date line goes on beyond it instead of jumping to the other end.
fn unbroken(ring: Vec<Point>) -> Vec<Point> {
    let mut moved = 0.0;
    let mut before: Option<f64> = None;
    ring.into_iter()
        .map(|(east, north)| {
            if let Some(before) = before {
                moved -= ((east + moved - before) / 360.0).round() * 360.0;
            }
            before = Some(east + moved);
            (east + moved, north)
        })
        .collect()
}

/// In square degrees; its sign is the ring's direction.
fn area(ring: &[Point]) -> f64 {
    ring.windows(2).map(|pair| pair[0].0 * pair[1].1 - pair[1].0 * pair[0].1).sum::<f64>() / 2.0
}

/// The ring's centre of mass.
fn middle(ring: &[Point]) -> Point {
    let area = area(ring);
    if area.abs() < f64::EPSILON {
        return ring.first().copied().unwrap_or_default();
    }
    let (east, north) = ring.windows(2).fold((0.0, 0.0), |(east, north), pair| {
        let cross = pair[0].0 * pair[1].1 - pair[1].0 * pair[0].1;
        (east + (pair[0].0 + pair[1].0) * cross, north + (pair[0].1 + pair[1].1) * cross)
    });
    let east = east / (6.0 * area);
    (east - (east / 360.0).round() * 360.0, north / (6.0 * area))
}
