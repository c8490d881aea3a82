//! What users buy: a platform in the catalogue, and packages for it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Caller, Operator, Platform, User, text};
use crate::process::ServerFolder;

/// A trading platform with packages to buy.
pub struct Market {
    folder: Arc<ServerFolder>,
    /// The platform.
    pub platform: Platform,
    /// Its entry in the catalogue.
    pub entry: String,
    /// So many uses of a certificate there.
    pub uses: String,
    /// As many of a seal.
    pub seals: String,
    /// Another year there, for whoever has had something.
    pub renewal: String,
}

/// The region and the institutions of all markets.
pub struct Grounds {
    region: String,
    ca: String,
    seal: String,
}

fn added(administrator: &Operator, item: &Value) -> String {
    text(&administrator.post("/v1/operator/catalogue", item)["entry_id"])
}

impl Grounds {
    /// Adds them.
    #[must_use]
    pub fn new(administrator: &Operator) -> Self {
        let region = json!({ "kind": "region", "code": "650000", "name": "新疆", "place": null });
        let ca = json!({ "kind": "institution", "service": "ca", "code": "CA1", "name": "测试认证机构" });
        let seal =
            json!({ "kind": "institution", "service": "seal", "code": "SEAL1", "name": "测试印章机构" });
        let [region, ca, seal] = [region, ca, seal].map(|item| added(administrator, &item));
        Self { region, ca, seal }
    }

    /// Opens a market, where a package gives so many uses.
    #[must_use]
    pub fn market(
        &self,
        folder: &Arc<ServerFolder>,
        administrator: &Operator,
        code: &str,
        uses: u32,
    ) -> Market {
        let platform = Platform::new(folder, code);
        let rules = json!({
            "attachments": false, "review": false, "unique_certificate": true, "invoice_after_download": false,
            "mutual": true, "institutions": [self.ca, self.seal],
        });
        let entry = json!({
            "kind": "platform", "region": self.region, "code": code, "name": "测试交易平台", "platform_kind": "tender",
            "systems": ["投标系统", "开标大厅"], "client": platform.client_id, "rules": rules,
        });
        let entry = added(administrator, &entry);
        let package = |name: &str| {
            json!({
                "kind": "package", "platform": entry, "institution": self.ca, "service": "ca", "buyer": "person",
                "renewal": false, "name": name, "price_fen": 2_000,
            })
        };
        let (mut by_use, mut seals, mut renewal) =
            (package("按次"), package("印章按次"), package("续期一年"));
        (by_use["uses"], seals["uses"]) = (uses.into(), uses.into());
        (seals["service"], seals["institution"]) = ("seal".into(), self.seal.clone().into());
        (renewal["months"], renewal["renewal"]) = (12.into(), true.into());
        let folder = Arc::clone(folder);
        let [uses, seals, renewal] = [by_use, seals, renewal].map(|item| added(administrator, &item));
        Market { folder, platform, entry, uses, seals, renewal }
    }
}

impl Market {
    /// Orders packages.
    #[track_caller]
    #[must_use]
    pub fn order(&self, user: &User, business: &str, packages: &[&String]) -> Value {
        let line = |package: &&String| json!({ "package_id": package, "quantity": 1 });
        let lines: Vec<_> = packages.iter().map(line).collect();
        user.post("/v1/orders", &json!({ "business": business, "lines": lines }))
    }

    /// Buys packages; gives the order.
    #[track_caller]
    pub fn buy(&self, user: &User, business: &str, packages: &[&String]) -> Value {
        let order = self.order(user, business, packages);
        let path = format!("/v1/orders/{}", text(&order["order_id"]));
        let payment = user.post(&format!("{path}/pay"), &json!({ "channel": "wechat" }));
        let _ = self.press(&payment, true);
        let paid = user.get(&path);
        assert_eq!(paid["state"], "paid");
        paid
    }

    /// What the user has left of a certificate here.
    #[track_caller]
    #[must_use]
    pub fn balance(&self, user: &User) -> Value {
        self.left(user, "ca")
    }

    /// What the user has left of a seal.
    #[track_caller]
    #[must_use]
    pub fn seals_left(&self, user: &User) -> Value {
        self.left(user, "seal")
    }

    fn left(&self, user: &User, service: &str) -> Value {
        let balances = user.get("/v1/balances");
        let mut own = balances["balances"].as_array().unwrap().iter();
        let is_it = |one: &&Value| one["platform_id"] == self.entry && one["service"] == service;
        own.find(is_it).cloned().unwrap_or_default()
    }

    /// Presses the button of a payment, at the node that shows its page; what the channel said of it.
    #[track_caller]
    #[must_use]
    pub fn press(&self, payment: &Value, paid: bool) -> Value {
        let page = text(&payment["page"]);
        let pressed = Caller::everywhere(&self.folder).into_iter().find_map(|caller| {
            let (status, pressed) = caller.asked("POST", &page, &json!({ "paid": paid }));
            (status == 200).then_some(pressed)
        });
        pressed.unwrap_or_else(|| panic!("nobody knows {page}"))
    }
}
