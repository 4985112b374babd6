//! For each country a circle on the globe that holds all its land, from Natural Earth's borders.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::map::read_arcs;

const EARTH_RADIUS_KM: f64 = 6_371.0;

/// Added to every radius, in kilometres: the map's lines are simplified, and its smallest islands are left out.
const MARGIN_KM: f64 = 25.0;

/// Steps towards the smallest circle; more change no radius by a kilometre.
const STEPS: u32 = 2_000;

/// Lands that the map draws without an ISO number, and in whose circle they belong: nobody signs in from a reef or from
/// Clipperton, and the bases on Cyprus are reached through Cyprus.
pub const NAMED: &[(&str, &[&str])] = &[
    ("Akrotiri", &["CY"]),
    ("Baikonur", &["KZ"]),
    ("Bajo Nuevo Bank", &[]),
    ("Clipperton I.", &[]),
    ("Coral Sea Is.", &["AU"]),
    ("Cyprus U.N. Buffer Zone", &["CY"]),
    ("Dhekelia", &["CY"]),
    ("Indian Ocean Ter.", &["AU", "CX", "CC"]),
    ("Kosovo", &["XK", "RS"]),
    ("N. Cyprus", &["CY"]),
    ("Scarborough Reef", &[]),
    ("Serranilla Bank", &[]),
    ("Siachen Glacier", &["IN", "PK"]),
    ("Somaliland", &["SO"]),
    ("Spratly Is.", &[]),
    ("USNB Guantanamo Bay", &["CU"]),
];

/// Islands without people that would blow up their state's circle: code, degrees north and east, kilometres around.
const WITHOUT_PEOPLE: &[(&str, f64, f64, f64)] = &[("NO", -54.42, 3.36, 100.0)];

/// Codes of parts that the map draws as part of a state: the state's circle holds them too.
const PARTS: &[(&str, &str)] =
    &[("BQ", "NL"), ("GF", "FR"), ("GP", "FR"), ("MQ", "FR"), ("RE", "FR"), ("SJ", "NO"), ("TK", "NZ"), ("YT", "FR")];

type Point = [f64; 3];

pub fn build(map: &Path, codes: &Path, out: &Path) -> anyhow::Result<()> {
    let map: Value = serde_json::from_slice(&std::fs::read(map)?)?;
    let codes: Vec<Vec<String>> = serde_json::from_slice(&std::fs::read(codes)?)?;
    let by_number: BTreeMap<&str, &str> =
        codes.iter().filter(|code| code.len() >= 3).map(|code| (code[2].as_str(), code[0].as_str())).collect();
    let on_globe = |(east, north): (f64, f64)| unit(north, east);
    let arcs: Vec<Vec<Point>> =
        read_arcs(&map)?.into_iter().map(|arc| arc.into_iter().map(on_globe).collect()).collect();
    let mut lands: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    let countries = map["objects"]["countries"]["geometries"].as_array().context("a map without countries")?;
    for country in countries {
        let name = country["properties"]["name"].as_str().unwrap_or_default();
        let owners: Vec<&str> = match country["id"].as_str().and_then(|id| by_number.get(id)) {
            Some(code) => vec![*code],
            None => match NAMED.iter().find(|(known, _)| *known == name) {
                Some((_, owners)) => owners.to_vec(),
                None => anyhow::bail!("whose is {name:?}? add it to NAMED"),
            },
        };
        let mut points = Vec::new();
        outline(&country["arcs"], &arcs, &mut points);
        for owner in owners {
            let lived_in = points.iter().filter(|point| !is_without_people(owner, **point));
            lands.entry(owner.to_owned()).or_default().extend(lived_in);
        }
    }
    let mut table: BTreeMap<String, (Point, f64)> =
        lands.iter().map(|(code, points)| (code.clone(), circle(points))).collect();
    for (part, state) in PARTS {
        // A part that the map knows by itself has its own circle.
        let circle = *table.get(*state).with_context(|| format!("{state} is not on the map"))?;
        table.entry((*part).to_owned()).or_insert(circle);
    }
    for code in codes.iter().filter_map(|code| code.first()).filter(|code| !table.contains_key(*code)) {
        println!("{code} has no circle");
    }
    super::replace(out, written(&table)?.as_bytes())
}

fn is_without_people(code: &str, point: Point) -> bool {
    WITHOUT_PEOPLE
        .iter()
        .any(|(of, latitude, longitude, km)| *of == code && kilometres(unit(*latitude, *longitude), point) <= *km)
}

fn written(table: &BTreeMap<String, (Point, f64)>) -> anyhow::Result<String> {
    let mut text = String::from(
        "//! Where the land of each country is, from Natural Earth's borders 1:10m (public domain). Made by `geoip/build`,\n\
         //! `extents`; `geoip/README.md` says how.\n\n\
         /// Code, degrees north and east of the circle's middle, radius in kilometres; in the order of the codes.\n\
         #[rustfmt::skip]\n\
         pub(super) static EXTENTS: &[([u8; 2], f64, f64, u16)] = &[\n",
    );
    for (code, (middle, radius)) in table {
        let (latitude, longitude) = degrees(*middle);
        // Half a hundredth of a degree that rounding may move the middle is less than a kilometre.
        let radius = (radius + MARGIN_KM + 1.0).ceil().min(20_016.0);
        writeln!(text, "    (*b\"{code}\", {latitude:.2}, {longitude:.2}, {radius:.0}),")?;
    }
    text.push_str("];\n");
    Ok(text)
}

/// The points of every arc named in lists of lists; `!n` (that is, `-n-1`) is arc n backwards.
fn outline(value: &Value, arcs: &[Vec<Point>], points: &mut Vec<Point>) {
    if let Some(list) = value.as_array() {
        list.iter().for_each(|inner| outline(inner, arcs, points));
    } else if let Some(number) = value.as_i64() {
        let at = usize::try_from(if number < 0 { !number } else { number }).unwrap_or(usize::MAX);
        points.extend(arcs.get(at).into_iter().flatten());
    }
}

/// A circle around the points, close to the smallest: from their mean, ever smaller steps towards the farthest
/// (Bădoiu and Clarkson). On a sphere it is exact only within a hemisphere, but the radius is always right for the middle.
fn circle(points: &[Point]) -> (Point, f64) {
    let mut middle = normal(points.iter().fold([0.0; 3], |sum, point| std::array::from_fn(|at| sum[at] + point[at])));
    let mut best = (middle, f64::MAX);
    for step in 1..=STEPS {
        let Some((_, farthest)) =
            points.iter().map(|point| (dot(middle, *point), *point)).min_by(|a, b| a.0.total_cmp(&b.0))
        else {
            break;
        };
        let radius = kilometres(middle, farthest);
        if radius < best.1 {
            best = (middle, radius);
        }
        let share = 1.0 / f64::from(step + 1);
        middle = normal(std::array::from_fn(|at| middle[at] + (farthest[at] - middle[at]) * share));
    }
    best
}

fn unit(latitude: f64, longitude: f64) -> Point {
    let (lat, lon) = (latitude.to_radians(), longitude.to_radians());
    [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
}

fn degrees(point: Point) -> (f64, f64) {
    (point[2].clamp(-1.0, 1.0).asin().to_degrees(), point[1].atan2(point[0]).to_degrees())
}

fn kilometres(a: Point, b: Point) -> f64 {
    dot(a, b).clamp(-1.0, 1.0).acos() * EARTH_RADIUS_KM
}

fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn normal(point: Point) -> Point {
    let length = dot(point, point).sqrt().max(f64::MIN_POSITIVE);
    point.map(|part| part / length)
}
