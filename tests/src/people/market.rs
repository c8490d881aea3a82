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
    /// Another year there, for whoever has had something.
    pub renewal: String,
}

/// The region and the institutions of all markets.
pub struct Grounds {
    region: String,
    ca: String,
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
        Self { region: added(administrator, &region), ca: added(administrator, &ca) }
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
            "mutual": true, "institutions": [self.ca],
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
        let (mut by_use, mut renewal) = (package("按次"), package("续期一年"));
        by_use["uses"] = uses.into();
        (renewal["months"], renewal["renewal"]) = (12.into(), true.into());
        let folder = Arc::clone(folder);
        Market {
            folder,
            platform,
            uses: added(administrator, &by_use),
            renewal: added(administrator, &renewal),
            entry,
        }
    }
}

impl Market {
    /// Orders a package.
    #[track_caller]
    #[must_use]
    pub fn order(&self, user: &User, business: &str, package: &str) -> Value {
        let lines = json!([{ "package_id": package, "quantity": 1 }]);
        user.post("/v1/orders", &json!({ "business": business, "lines": lines }))
    }

    /// Buys a package; gives the order.
    #[track_caller]
    pub fn buy(&self, user: &User, business: &str, package: &str) -> Value {
        let order = self.order(user, business, package);
        let path = format!("/v1/orders/{}", text(&order["order_id"]));
        let payment = user.post(&format!("{path}/pay"), &json!({ "channel": "wechat" }));
        let _ = self.press(&payment, true);
        let paid = user.get(&path);
        assert_eq!(paid["state"], "paid");
        paid
    }

    /// What the user has left here.
    #[track_caller]
    #[must_use]
    pub fn balance(&self, user: &User) -> Value {
        let balances = user.get("/v1/balances");
        let mut own = balances["balances"].as_array().unwrap().iter();
        own.find(|one| one["platform_id"] == self.entry).cloned().unwrap_or_default()
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
