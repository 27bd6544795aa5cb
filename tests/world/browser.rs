//! A real browser: headless Chromium driven through chromedriver.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities;
use thirtyfour::{By, ChromeCapabilities, WebDriver, WebElement};

use super::{Process, eventually, free_port};

const PAGE_WITHIN: Duration = Duration::from_secs(20);

/// What the page is looked at on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    Desk,
    Phone,
}

impl Screen {
    const fn size(self) -> (u32, u32) {
        match self {
            Self::Desk => (1360, 900),
            Self::Phone => (390, 844),
        }
    }
}

/// One browser window; closed with this value.
#[derive(Debug)]
pub struct Browser {
    driver: WebDriver,
    _chromedriver: Process,
    _directory: TempDir,
}

impl Browser {
    pub async fn open(screen: Screen) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let port = free_port()?;
        let log = directory.path().join("chromedriver.log");
        let chromedriver = Process::start("chromedriver", Path::new("/usr/bin/chromedriver"), &log, |command| {
            command.arg(format!("--port={port}")).env("HOME", directory.path());
        })?;
        let url = format!("http://127.0.0.1:{port}");
        let driver = eventually("chromedriver", PAGE_WITHIN, || {
            let (url, wanted) = (url.clone(), capabilities(screen, directory.path()));
            async move { Ok(Some(WebDriver::new(url, wanted?).await?)) }
        })
        .await?;
        Ok(Self { driver, _chromedriver: chromedriver, _directory: directory })
    }

    /// The driver itself, for what has no word here.
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    pub async fn goto(&self, url: &str) -> anyhow::Result<()> {
        self.driver.goto(url).await.with_context(|| format!("opening {url}"))
    }

    /// The first element that matches, once it is there.
    pub async fn find(&self, css: &str) -> anyhow::Result<WebElement> {
        eventually(format!("an element {css}"), PAGE_WITHIN, || async {
            Ok(self.driver.find_all(By::Css(css)).await?.into_iter().next())
        })
        .await
    }

    pub async fn count(&self, css: &str) -> anyhow::Result<usize> {
        Ok(self.driver.find_all(By::Css(css)).await?.len())
    }

    pub async fn click(&self, css: &str) -> anyhow::Result<()> {
        self.find(css).await?.click().await.with_context(|| format!("clicking {css}"))
    }

    /// Types into a field, replacing what is in it.
    pub async fn fill(&self, css: &str, text: &str) -> anyhow::Result<()> {
        let field = self.find(css).await?;
        field.clear().await?;
        field.send_keys(text).await.with_context(|| format!("typing into {css}"))
    }

    /// All text a person can read on the page.
    pub async fn text(&self) -> anyhow::Result<String> {
        Ok(self.driver.find(By::Css("body")).await?.text().await?)
    }

    /// Waits until the page shows `text`.
    pub async fn shows(&self, text: &str) -> anyhow::Result<()> {
        eventually(format!("the text {text:?}"), PAGE_WITHIN, || async {
            Ok(self.text().await?.contains(text).then_some(()))
        })
        .await
    }

    /// Writes what is on the screen as PNG.
    pub async fn screenshot(&self, file: &Path) -> anyhow::Result<()> {
        self.driver.screenshot(file).await.with_context(|| format!("writing {}", file.display()))
    }

    /// Whether the page is wider than the screen: it would have to be scrolled sideways.
    pub async fn overflows(&self) -> anyhow::Result<bool> {
        let script = "return document.documentElement.scrollWidth > document.documentElement.clientWidth;";
        Ok(self.driver.execute(script, Vec::new()).await?.convert()?)
    }

    /// Marks the page, so that `was_reloaded` can tell whether it is still the same.
    pub async fn mark(&self) -> anyhow::Result<()> {
        self.driver.execute("window.premendMark = true;", Vec::new()).await?;
        Ok(())
    }

    pub async fn was_reloaded(&self) -> anyhow::Result<bool> {
        Ok(self.driver.execute("return window.premendMark !== true;", Vec::new()).await?.convert()?)
    }

    /// Ends the browser in order; dropping it kills it.
    pub async fn close(self) -> anyhow::Result<()> {
        self.driver.quit().await.context("closing the browser")
    }
}

fn capabilities(screen: Screen, home: &Path) -> anyhow::Result<ChromeCapabilities> {
    let (width, height) = screen.size();
    let mut wanted = ChromeCapabilities::new();
    wanted.set_binary("/usr/bin/chromium")?;
    for argument in
        ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--lang=zh-CN"]
    {
        wanted.add_arg(argument)?;
    }
    wanted.add_arg(&format!("--user-data-dir={}", home.join("profile").display()))?;
    if screen == Screen::Phone {
        wanted.add_experimental_option(
            "mobileEmulation",
            serde_json::json!({ "deviceMetrics": { "width": width, "height": height, "pixelRatio": 2.0, "touch": true } }),
        )?;
    } else {
        wanted.add_arg(&format!("--window-size={width},{height}"))?;
    }
    Ok(wanted)
}
