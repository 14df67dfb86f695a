use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::pages::{WITH_EVIDENCE, fleet, page, ranking, site};
use crate::support::Sandbox;

/// Widths of a telephone, a tablet and a desk.
const WIDTHS: [u32; 3] = [400, 800, 1400];
/// Most bytes of a page of six servers with four endpoints each.
const LARGEST: u64 = 1_000_000;

/// Everything that is folded, unfolded.
const UNFOLD: &str = "for (const it of document.querySelectorAll('details')) it.open = true";
/// Pixels by which the page is wider than the window.
const OVERFLOW: &str =
    "const it = document.documentElement; return it.scrollWidth - it.clientWidth";
/// What stands in the metrics' column of what is no news.
const METRICS: &str = "return [...document.querySelectorAll('.findings')[1].tBodies[0].rows]\
    .map(row => row.cells[2].textContent)";

async fn open(browser: &Browser, path: &std::path::Path) {
    let address = format!("file://{}", path.display());
    browser.client.goto(&address).await.expect("the page opens");
}

/// Names of pages, each with where it is.
fn pages(sandbox: &Sandbox) -> Vec<std::path::PathBuf> {
    let stored = [
        "regressed",
        "no_baseline",
        "hostile_names",
        "counted",
        "history",
    ];
    let names = WITH_EVIDENCE.into_iter().chain(stored);
    let mut pages: Vec<_> = names.map(|name| page(sandbox, name)).collect();
    pages.push(fleet(sandbox));
    pages
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn no_page_complains_or_overflows_at_any_width_in_dark_and_light() {
    let sandbox = Sandbox::new();
    let browser = Browser::start().await;
    for path in pages(&sandbox) {
        for width in WIDTHS {
            for scheme in ["light", "dark"] {
                browser.appear(width, scheme).await;
                open(&browser, &path).await;
                browser.ask(UNFOLD).await;
                let over = browser.ask(OVERFLOW).await;
                assert_eq!(over, json!(0), "{} at {width}", path.display());
                let console = browser.console().await;
                assert!(console.is_empty(), "{}: {console:?}", path.display());
                let ground = "return getComputedStyle(document.body).backgroundColor";
                let dark = browser.ask(ground).await == json!("rgb(14, 17, 22)");
                assert_eq!(dark, scheme == "dark", "{}", path.display());
            }
        }
    }
    browser.end().await;
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn findings_are_sorted_by_click_and_by_keyboard() {
    let sandbox = Sandbox::new();
    let browser = Browser::start().await;
    open(&browser, &page(&sandbox, "regressed")).await;
    browser.ask(UNFOLD).await;
    let head = ".findings tr th:nth-child(3) button";
    let buttons = browser.client.find_all(Locator::Css(head)).await;
    let button = buttons.expect("buttons").remove(1);
    let before = browser.ask(METRICS).await;
    button.click().await.expect("a click");
    let rising = browser.ask(METRICS).await;
    let mut sorted: Vec<_> = before.as_array().expect("words").clone();
    sorted.sort_by_key(Value::to_string);
    assert_ne!(before, rising, "the click must change something to be seen");
    assert_eq!(rising, Value::from(sorted.clone()));
    button
        .send_keys(&Key::Enter.to_string())
        .await
        .expect("a key");
    sorted.reverse();
    assert_eq!(browser.ask(METRICS).await, Value::from(sorted));
    let state = "const head = document.querySelectorAll('.findings')[1].tHead.rows[0];\
        return [...head.cells].map(it => it.getAttribute('aria-sort'))";
    let states = browser.ask(state).await;
    let states = states.as_array().expect("states");
    let set: Vec<_> = states.iter().filter(|it| !it.is_null()).collect();
    assert_eq!(set, [&json!("descending")], "of the one column");
    assert_eq!(states[2], "descending");
    browser.end().await;
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn numbers_are_sorted_by_value() {
    let sandbox = Sandbox::new();
    let browser = Browser::start().await;
    open(&browser, &page(&sandbox, "slower")).await;
    browser.ask(UNFOLD).await;
    let head = ".findings tr th:nth-child(4) button";
    let button = browser
        .client
        .find(Locator::Css(head))
        .await
        .expect("a button");
    button.click().await.expect("a click");
    let values = "return [...document.querySelector('.findings').tBodies[0].rows]\
        .map(row => row.cells[3].dataset.v).map(it => it === undefined ? null : Number(it))";
    let values = browser.ask(values).await;
    let values: Vec<_> = values
        .as_array()
        .expect("values")
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    assert!(values.len() > 1, "{values:?}");
    assert!(values.is_sorted(), "{values:?}");
    browser.end().await;
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn every_picture_has_words_and_can_be_explored() {
    let sandbox = Sandbox::new();
    let browser = Browser::start().await;
    for name in WITH_EVIDENCE {
        open(&browser, &page(&sandbox, name)).await;
        browser.ask(UNFOLD).await;
        let mute = "return [...document.querySelectorAll('svg:not([aria-hidden])')].filter(svg => \
            !(svg.closest('[role=img]')?.getAttribute('aria-label')?.match(/[0-9]/))).length";
        assert_eq!(browser.ask(mute).await, json!(0), "{name}");
        let count = browser
            .ask("return document.querySelectorAll('.plot svg').length")
            .await;
        assert!(count.as_u64() > Some(5), "{name}: {count} pictures");
        browser.ask("document.querySelector('.plot').focus()").await;
        browser.press(Key::Right).await;
        let tip = browser
            .client
            .find(Locator::Css(".tip"))
            .await
            .expect("a tip");
        let first = tip.text().await.expect("words");
        assert!(first.starts_with("within 50 % · head "), "{first}");
        browser.press(Key::Right).await;
        let said = browser
            .ask("return document.getElementById('said').textContent")
            .await;
        assert!(
            said.as_str()
                .is_some_and(|said| said.starts_with("within 75 %")),
            "{said}"
        );
    }
    browser.end().await;
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn a_link_unfolds_the_pictures_it_leads_to() {
    let sandbox = Sandbox::new();
    let browser = Browser::start().await;
    open(&browser, &page(&sandbox, "slower")).await;
    let fold = "for (const it of document.querySelectorAll('details.cell')) it.open = false";
    browser.ask(fold).await;
    let link = browser
        .client
        .find(Locator::Css(".findings a"))
        .await
        .expect("a link");
    link.click().await.expect("a click");
    let unfolded = browser
        .client
        .wait()
        .for_element(Locator::Css(".cell:target[open]"));
    unfolded.await.expect("the pictures unfold");
    browser.end().await;
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn a_ranking_has_its_bars_and_is_sorted() {
    let (_sandbox, path) = ranking();
    let browser = Browser::start().await;
    for width in WIDTHS {
        browser.appear(width, "dark").await;
        open(&browser, &path).await;
        assert_eq!(browser.ask(OVERFLOW).await, json!(0), "at {width}");
    }
    assert!(browser.console().await.is_empty());
    assert_eq!(browser.ask(CONTRASTS).await, json!([]));
    let words = "return document.querySelector('.plot').getAttribute('aria-label')";
    let words = browser.ask(words).await;
    let words = words.as_str().unwrap_or_default();
    assert!(words.contains("slow ") && words.contains(" to "), "{words}");
    let head = "table tr th:nth-child(4) button";
    let button = browser.client.find(Locator::Css(head)).await;
    button.expect("a button").click().await.expect("a click");
    let first = "return document.querySelector('table').tBodies[0].rows[0].cells[1].textContent";
    assert_eq!(
        browser.ask(first).await,
        json!("slow"),
        "the fewest requests"
    );
    browser.end().await;
}

/// Words against what they stand on, by the formula of WCAG 2.
const CONTRASTS: &str = r"
const channel = (c) => (c /= 255, c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
const ground = (it) => {
  for (; it; it = it.parentElement) {
    const colour = numbers(getComputedStyle(it).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const low = [];
while (walker.nextNode()) {
  const it = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || it.closest('script, .hidden')) continue;
  const style = getComputedStyle(it);
  const ink = numbers(it instanceof SVGElement ? style.fill : style.color);
  const [a, b] = [light(ink), light(ground(it))].sort((a, b) => b - a);
  const contrast = (a + .05) / (b + .05);
  if (contrast < 4.5) low.push(`${walker.currentNode.textContent.trim()}: ${contrast.toFixed(2)}`);
}
return low";

#[tokio::test]
#[ignore = "needs Chromium"]
async fn words_have_contrast_in_dark_and_light() {
    let sandbox = Sandbox::new();
    let browser = Browser::start().await;
    for path in pages(&sandbox) {
        for scheme in ["light", "dark"] {
            browser.appear(1400, scheme).await;
            open(&browser, &path).await;
            browser.ask(UNFOLD).await;
            assert_eq!(
                browser.ask(CONTRASTS).await,
                json!([]),
                "{} in {scheme}",
                path.display()
            );
        }
    }
    browser.end().await;
}

#[test]
fn the_page_of_a_fleet_is_below_a_megabyte() {
    let sandbox = Sandbox::new();
    let size = std::fs::metadata(fleet(&sandbox)).expect("a page").len();
    assert!(size < LARGEST, "{size} bytes");
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn without_its_script_the_page_says_the_same() {
    let sandbox = Sandbox::new();
    let browser = Browser::start().await;
    let path = page(&sandbox, "slower");
    let text = std::fs::read_to_string(&path).expect("a page");
    let (before, rest) = text.split_once("<script>").expect("a script");
    let (_, after) = rest.split_once("</script>").expect("its end");
    let still = sandbox.path("still.html");
    std::fs::write(&still, format!("{before}{after}")).expect("a page is written");
    let words = "return document.body.innerText.replaceAll(/\\s+/g, ' ')";
    let mut said = Vec::new();
    for path in [path, still] {
        open(&browser, &path).await;
        browser.ask(UNFOLD).await;
        let sorts = "document.querySelectorAll('script').forEach(it => it.remove())";
        browser.ask(sorts).await;
        said.push(browser.ask(words).await);
    }
    assert_eq!(said[0], said[1]);
    browser.end().await;
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn a_site_is_searched_and_compares_two_dates() {
    let (_sandbox, folder) = site();
    let browser = Browser::start().await;
    let pages = [
        folder.join("index.html"),
        folder.join("sample--health.html"),
        folder.join("checks.html"),
    ];
    for path in &pages {
        for width in WIDTHS {
            for scheme in ["light", "dark"] {
                browser.appear(width, scheme).await;
                open(&browser, path).await;
                let over = browser.ask(OVERFLOW).await;
                assert_eq!(over, json!(0), "{} at {width}", path.display());
                assert_eq!(
                    browser.ask(CONTRASTS).await,
                    json!([]),
                    "{}",
                    path.display()
                );
            }
        }
    }
    let console = browser.console().await;
    assert!(console.is_empty(), "{console:?}");
    open(&browser, &pages[1]).await;
    let dates = "const [from, to] = document.querySelectorAll('.compare input'); \
        from.value = '2026-10-02'; to.value = '2026-10-03'; to.dispatchEvent(new Event('input')); \
        return [...document.querySelectorAll('.compare tbody tr')].map(row => \
        [...row.cells].map(it => it.textContent))";
    let rows = browser.ask(dates).await;
    assert_eq!(
        rows[0],
        json!(["throughput", "900 1/s", "800 1/s", "-11.1 %"]),
        "{rows}"
    );
    open(&browser, &pages[0]).await;
    browser.press(Key::Divide).await;
    browser
        .ask(
            "const it = document.querySelector('[data-filter]'); it.focus(); \
        it.value = 'sample p50'; it.dispatchEvent(new Event('input'))",
        )
        .await;
    let shown =
        "return [...document.querySelectorAll('#series tbody tr')].filter(it => !it.hidden).length";
    assert_eq!(browser.ask(shown).await, json!(1));
    open(&browser, &pages[2]).await;
    let linked = "return [...document.querySelectorAll('#checks tbody tr')].map(row => \
        row.querySelector('a').getAttribute('href'))";
    let linked = browser.ask(linked).await;
    let linked = linked.as_array().expect("links");
    assert_eq!(linked.len(), 2, "{linked:?}");
    for link in linked {
        assert!(
            folder.join(link.as_str().expect("a name")).exists(),
            "{link}"
        );
    }
    browser.end().await;
}
