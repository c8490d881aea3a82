//! What the domain says of an error, in Chinese.

mod documents;
mod office;

/// The Chinese of an English detail; `None` of those that are put together from parts.
pub(super) fn of(detail: &str) -> Option<&'static str> {
    all().find(|(english, _)| *english == detail).map(|(_, chinese)| *chinese)
}

fn all() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    TEXTS.iter().chain(office::TEXTS).chain(documents::TEXTS)
}

const TEXTS: &[(&str, &str)] = &[
    ("a tender file has a project and a section", "投标文件须有项目和标段"),
    ("a tender file has an opening time", "投标文件须有开标时间"),
    ("a text has 1 to 200 characters and no control characters", "文字为 1 至 200 个字符，且不含控制字符"),
    ("a word is none of those that are known", "存在无法识别的取值"),
    ("an item has 1 to 8192 bytes", "每项为 1 至 8192 字节"),
    ("another certificate encrypted this", "该文件由另一证书加密"),
    ("bytes are written in hexadecimal", "字节须以十六进制书写"),
    ("data has 1 to 8192 bytes, and a digest 32", "数据为 1 至 8192 字节，摘要为 32 字节"),
    ("every envelope is to be opened", "须解密全部信封"),
    ("no certificate was chosen", "尚未选择证书"),
    ("not everything is signed", "尚有未签名的内容"),
    ("nothing is to be signed now", "当前没有待签内容"),
    ("something else is to be signed now", "当前待签内容与所签不同"),
    ("the bidder has not signed in", "投标人尚未签到"),
    ("the certificate cannot be used now", "该证书当前不可用"),
    ("the certificate has none for encryption beside it", "该证书没有配套的加密证书"),
    ("the code belongs to another installation", "该二维码属于另一系统"),
    ("the code leads somewhere, and asks for nothing", "该二维码仅用于跳转，无需授权"),
    ("the code was scanned, or it is over", "二维码已被扫描或已结束"),
    ("the file was opened", "文件已解密"),
    ("the opening time has not come", "开标时间未到"),
    ("the platform does not take certificates of this authority", "平台不接受该 CA 机构的证书"),
    ("the platform wants another certificate", "平台指定了另一证书"),
    ("the platform wants another identity", "平台要求另一身份"),
    ("the task does not wait for this", "任务当前不能进行此操作"),
    ("the task is over", "任务已结束"),
    ("the time of a task is to come", "任务的截止时间须晚于当前时间"),
    ("the time of the code is over", "二维码已过期"),
    ("the time of the task is over", "任务已过期"),
    ("the user has encrypted nothing for this section", "该用户没有为此标段加密过文件"),
    ("the user has not confirmed", "用户尚未确认"),
    ("the user is bound to the platform already", "该用户已与平台绑定"),
    ("the user is not bound to the platform", "该用户未与平台绑定"),
    ("there are 1 to 64 tasks", "每次为 1 至 64 个任务"),
    ("there are as many signatures as digests to be signed", "签名数量须与待签摘要数量一致"),
    ("there are at most 32 authorities", "最多指定 32 个 CA 机构"),
    ("there are at most 64 items", "最多 64 项"),
    ("there is nothing to hand in", "当前不能提交内容"),
    ("these are not the items that are needed for this", "提交的内容与扫码类型不符"),
    ("this code is none of this kind", "无法识别的二维码"),
    ("what was done is done", "该记录不可更改"),
    ("what was opened has 1 to 1024 bytes, in hexadecimal", "解密结果为 1 至 1024 字节的十六进制"),
    ("the person is not verified well enough for this", "实名认证等级不足"),
    ("the person is verified", "已完成实名认证"),
    ("the order is not to be carried out now", "该指令当前不可执行"),
    // orders
    ("the money for this is asked back, or was given back", "该项已申请退费或已退费"),
    ("the order is cancelled", "订单已取消"),
    ("the order does not stand where this can be done", "订单当前状态不允许此操作"),
    ("the money is there", "款项已到账"),
    ("more would go back than was paid", "退款总额不得超过已付金额"),
    ("the payment does not stand where this can be done", "支付当前状态不允许此操作"),
    ("the refund does not stand where this can be done", "退费当前状态不允许此操作"),
    ("there are not so many points", "积分不足"),
    ("it is written down", "已记录"),
    ("the coupon cannot be used", "优惠券不可用"),
    ("the invoice does not stand where this can be done", "发票当前状态不允许此操作"),
    ("the own title stays", "自动生成的抬头不可删除"),
    ("it is kept already", "已保存"),
    ("there is no such package", "没有该套餐"),
    ("the package is for others", "该套餐不适用于此购买者"),
    ("there is nothing to go on with; open the platform first", "没有可延期的服务，请先开通交易平台"),
    ("the platform is open; extend it", "该交易平台已开通，请办理延期"),
    ("the package is for those who have had one", "该套餐仅限续费"),
    ("a package that is needed is missing", "缺少必选套餐"),
    ("an order costs something", "订单金额须大于零"),
    ("an order has 1 to 20 lines", "订单包含 1 至 20 项"),
    ("there are 1 to 1000 of each package", "每种套餐数量为 1 至 1000"),
    ("this server takes no money", "该服务器不收款"),
    ("this is paid by bank transfer only", "该业务仅支持对公转账"),
    ("no payment is open", "没有进行中的支付"),
    ("this says nothing of a payment", "内容不是支付通知"),
    ("another amount was to be paid", "支付金额不符"),
    ("a transfer has a payer, an account and a day of 8 digits", "转账须填写付款户名、账号和 8 位日期"),
    ("an entry of the bank has 1 to 128 bytes", "银行流水号为 1 至 128 字节"),
    ("this entry of the bank paid another order", "该银行流水已用于其他订单"),
    ("an opinion has 1 to 500 characters", "意见为 1 至 500 个字符"),
    ("a reason has 10 to 500 characters", "理由为 10 至 500 个字符"),
    ("the order was not paid", "订单尚未支付"),
    ("one gives 1 to 1000000 points or fen, or a package", "一次可赠送 1 至 1000000 积分、分或一个套餐"),
    (
        "a title has a name, an e-mail address, and the code of an enterprise",
        "抬头须有名称、邮箱，企业抬头须有统一社会信用代码",
    ),
    ("an address has a receiver, a phone, a region and details", "地址须有收件人、电话、地区和详细地址"),
    ("there are at most 50 of them", "最多保存 50 个"),
    ("1 to 50 are deleted at once", "一次可删除 1 至 50 个"),
    ("this server makes no invoices", "该服务器不开具发票"),
    ("an invoice has 1 to 50 lines", "发票包含 1 至 50 项"),
    ("paper goes to an address", "纸质发票须填写邮寄地址"),
    ("there is an invoice for this", "该项已有发票"),
    ("the invoice is over another amount", "开票金额不符"),
    ("it is not paid, or not handed over, or goes back", "未支付、未下证或正在退费，暂不可开票"),
    ("a signature has 128 hexadecimal digits", "签名为 128 位十六进制数字"),
    ("points are gained or used", "积分类型为 gained 或 used"),
    // catalogue and balances
    ("a place has ten-thousandths of degrees", "坐标以万分之一度为单位"),
    ("a platform has at most 32 systems and 32 institutions", "交易平台最多有 32 个系统和 32 个机构"),
    ("a package gives 1 to 120 months or 1 to 1000000 uses", "套餐为 1 至 120 个月或 1 至 1000000 次"),
    ("a template has 1 to 8192 bytes", "模板为 1 至 8192 字节"),
    ("the entry is not offered any more", "该条目已下架"),
    ("an entry stays what it is", "条目的种类不可更改"),
    ("the code or the client is another entry's", "该代码或接入方已被其他条目使用"),
    ("the entry refers to something that is not offered", "条目引用的内容不存在或已下架"),
    ("the catalogue has no such kind", "目录中没有此种类"),
    ("one of the words is none of those that are known here", "其中一个取值不在允许范围内"),
    ("the package is used up, or there is none", "套餐已用完或不存在"),
    ("the package was used or is over", "套餐已使用或已结束"),
    ("there are too many packages for one platform", "同一平台的套餐过多"),
    ("the packages are not over", "套餐尚未结束"),
    ("the use was taken off before", "该次使用已扣减"),
    ("the idempotency key was used for another request", "该幂等键已用于另一请求"),
    ("the server has no capacity now", "服务器当前没有空闲处理能力"),
    ("storage is not available", "存储暂不可用"),
    ("internal error", "内部错误"),
    (
        "the client is suspended or closed; ask the operator of the server",
        "该接入方已停用或关闭，请联系服务器运营方",
    ),
    // requests
    ("a client id has 32 hexadecimal digits, small ones", "接入方编号为 32 位小写十六进制数字"),
    ("the client is closed; add another one", "该接入方已关闭，请另行添加"),
    ("a client has 1 to 60000 requests a minute", "接入方每分钟请求数为 1 至 60000"),
    ("a client is held to 1 to 32 authorities, or to none", "接入方限定于 1 至 32 个机构，或不作限定"),
    ("a webhook must be https", "回调地址必须是 https"),
    (
        "a webhook is https://HOST[:PORT]/PATH of at most 1024 printable characters, small letters in HOST, \
         without a user and a fragment",
        "回调地址形如 https://HOST[:PORT]/PATH，不超过 1024 个可见字符，HOST 用小写字母，不含用户名和片段",
    ),
    (
        "the cursor is ahead of all events: the database was restored; begin again without one",
        "游标超前于所有事件：数据库已从备份恢复，请不带游标重新开始",
    ),
    ("the client has no webhook; set one first", "接入方没有回调地址，请先设置"),
    ("no such delivery was given up", "没有这样一条已放弃的投递"),
    ("a delivery is pending, delivered or dead", "投递状态为 pending、delivered 或 dead"),
    ("Last-Event-ID is the id of an event", "Last-Event-ID 须为事件编号"),
    ("a name has 1 to 128 bytes and no control characters", "名称为 1 至 128 字节，且不含控制字符"),
    ("a session id has 32 hexadecimal digits", "会话编号为 32 位十六进制数字"),
    (
        "a new key has a `purpose`; a share of a key has `of` instead",
        "新密钥须指定 `purpose`；密钥分享须改为指定 `of`",
    ),
    ("a code needs at least one use and some time", "登记码至少可用一次，且须有有效期"),
    ("a request has 1 to 1024 locks", "一次请求包含 1 至 1024 个时间锁"),
    (
        "an Idempotency-Key has 1 to 128 printable ASCII characters",
        "Idempotency-Key 为 1 至 128 个可见 ASCII 字符",
    ),
    ("the Idempotency-Key is not ASCII", "Idempotency-Key 不是 ASCII 字符"),
    ("the body was cut off", "请求内容不完整"),
    ("the frame is about another key than the path", "报文中的密钥与路径不一致"),
    ("the frame is of another operation than the path", "报文中的操作与路径不一致"),
    ("the cursor is none that a list gave out", "游标不是由列表返回的值"),
    ("a page has 1 to 1000 entries", "每页为 1 至 1000 条"),
    (
        "sizes are 1 <= first <= second <= size of the newest tree head",
        "规模须满足 1 <= first <= second <= 最新树头的规模",
    ),
    ("no tree head covers that record yet", "尚无树头覆盖该记录"),
    // what changed meanwhile
    ("the state changed meanwhile", "状态已发生变化"),
    ("it exists already", "已存在"),
    ("the session is spent", "该会话已被使用"),
    // keys
    ("the device has 64 keys; revoke one first", "该设备已有 64 个密钥，请先注销一个"),
    (
        "16 issued key ids are unused; use them or wait an hour",
        "已有 16 个密钥编号未使用，请使用它们或等待一小时",
    ),
    ("the key is revoked", "密钥已注销"),
    ("the key was never activated; revoke it instead", "密钥从未启用，请改为注销"),
    (
        "the key waits for its first refresh; revoke it, or freeze the key that it was split from",
        "密钥等待首次刷新；请注销它，或冻结其来源密钥",
    ),
    ("the key is for the other purpose", "密钥用途不符"),
    ("no share of the key is active", "该密钥没有处于启用状态的分片"),
    ("this share was itself given; name that of the owner", "该分片本身由他人分享，请指定所有者的分片"),
    ("it is a signing key, and those are never recovered", "签名密钥不可恢复"),
    ("the key is not an active signing key of this device", "该密钥不是本设备启用中的签名密钥"),
    // certificates and seals of the office
    ("another certificate has taken its place", "证书已被新证书取代"),
    ("the certificate is not in force", "证书不在有效状态"),
    ("the certificate is suspended", "证书已冻结"),
    ("the certificate is not suspended, or its end has come", "证书未冻结，或已到期"),
    ("the picture is no base64", "图片不是 Base64 编码"),
    ("a platform is named by 1 to 32 letters, digits and hyphens", "平台编号为 1 至 32 个字母、数字和连字符"),
    ("there is no such platform", "没有这个交易平台"),
    ("there is a certificate for this platform", "该平台已有证书"),
    ("name the authority", "请指定 CA 机构"),
    ("an authority outside takes requests of devices only", "外部机构只受理设备提交的申请"),
    ("a certificate is not to be had for so many years", "证书有效期年数不在可选范围内"),
    (
        "name the certificate that is renewed, changed, reissued or revoked",
        "请指定要延期、变更、补发或注销的证书",
    ),
    ("another application for this is under way", "已有一项相同的申请正在办理"),
    ("the certificate does not end soon", "证书尚未临近到期"),
    ("its end has not come", "证书尚未到期"),
    ("the request does not stand there", "申请当前状态不允许此操作"),
    ("hand in 1 to 10 files", "请提交 1 至 10 个文件"),
    ("there is no such state of an application", "没有这样的申请状态"),
    ("the name cannot be certified", "该名称不能写入证书"),
    ("this kind of seal is not of this kind of holder", "该类印章与持有人类型不符"),
    ("the seal is not in force", "印章未生效或已失效"),
    ("the seal is cancelled", "印章已注销"),
    ("the seal does not wait for a review", "印章不在待审核状态"),
    ("the font lacks a character of the name", "字库缺少名称中的字"),
    ("no picture of a seal can be made of it", "无法由此生成印章图片"),
    ("the picture is too large", "图片过大"),
    ("the picture cannot be read", "图片无法读取"),
    ("a code on a seal has at most 32 letters and digits", "印章编码不超过 32 个字母和数字"),
    ("the picture of a seal is a PNG file", "印章图片须为 PNG 文件"),
    ("only signatures are drawn by hand", "只有签名可以手写"),
    ("a seal has a name of at most 60 characters", "印章名称为 1 至 60 字"),
    ("the certificate has as many seals as it may", "该证书的印章数量已达上限"),
    ("there is no such kind of seal", "没有这样的印章类型"),
    ("there is no such state of a seal", "没有这样的印章状态"),
    ("somebody sealed with it; cancel it", "该印章已被使用，请改为注销"),
    // certificates
    ("a serial number is written in hex", "序列号须以十六进制书写"),
    ("a serial number is positive and has at most 20 octets", "序列号为正数，且不超过 20 字节"),
    ("a request is named by 32 hexadecimal digits", "申请编号为 32 位十六进制数字"),
    ("the reasons are those of RFC 5280, 5.3.1", "吊销原因须为 RFC 5280 第 5.3.1 节所列"),
    (
        "a request is new, renew, change, reissue or revoke, of a certificate",
        "申请类型为新办、更新、变更、补办或吊销(new、renew、change、reissue、revoke)",
    ),
    (
        "the profiles are personal, enterprise and seal-maker",
        "证书模板为个人、企业或制章人(personal、enterprise、seal-maker)",
    ),
    ("a certification request has at most 8192 bytes", "证书请求不超过 8192 字节"),
    ("the certification request cannot be read", "证书请求无法解析"),
    ("the certification request has no subject", "证书请求没有主体"),
    ("the key in the certification request is not of SM2", "证书请求中的密钥不是 SM2 密钥"),
    ("the signature of the certification request is wrong", "证书请求的签名有误"),
    ("what takes the place of a pair is a pair by itself", "替换双证书的结果本就是双证书"),
    ("the authority makes no decryption keys: it has no custodians", "该机构不生成解密密钥：没有保管人"),
    ("an authority outside makes decryption keys itself", "外部机构自行生成解密密钥"),
    ("16 requests of this device are open", "该设备已有 16 个未结申请"),
    ("a revocation has no certification request", "吊销申请不含证书请求"),
    (
        "name the certificate for signing; the other one of its pair goes along",
        "请指定签名证书；与之成对的加密证书一并处理",
    ),
    ("a certificate is reissued for another key", "补办须使用另一密钥"),
    ("a certificate is reissued for the same subject", "补办须为同一主体"),
    ("a certificate is renewed for the same subject", "更新须为同一主体"),
    ("the key of the certificate stays", "证书的密钥不变"),
    ("the data of its subject have not changed", "主体信息没有变更"),
    ("the certificate is revoked", "证书已吊销"),
    ("the request is closed", "申请已结束"),
    ("the request is not approved", "申请尚未通过"),
    ("the request was submitted before", "申请此前已提交"),
    ("the request does not wait for a review", "申请不在待审核状态"),
    ("this reviewer has decided already; it takes another person", "该审核人已作出决定，须由另一人审核"),
    ("a request is returned with an opinion", "退回申请须填写意见"),
    ("an opinion has at most 1500 bytes", "意见不超过 1500 字节"),
    ("a protection key is needed for the decryption key", "解密密钥需要保护公钥"),
    ("the protection_key is no PEM `PUBLIC KEY` of SM2", "protection_key 不是 SM2 公钥的 PEM"),
    // operators
    (
        "a code for more than 10 devices takes two administrators: propose it",
        "可登记超过 10 台设备的登记码须由两名管理员办理，请提出提案",
    ),
    (
        "an auditor has no other role: who changes things is not who looks after them",
        "审计员不得兼任其他角色：变更者与审查者须分离",
    ),
    ("a proposal is named by 32 hexadecimal digits", "提案编号为 32 位十六进制数字"),
    ("the proposal was approved and executed before", "该提案此前已批准并执行"),
    ("the proposal was rejected", "该提案已被否决"),
    ("the proposal was withdrawn", "该提案已撤回"),
    ("the proposal has expired; propose it again", "该提案已过期，请重新提出"),
    ("it takes another administrator than the one who proposed it", "须由提案人以外的另一名管理员处理"),
    ("only who proposed it withdraws it; others reject it", "只有提案人可以撤回，其他人请否决"),
    ("the operator has another name, and keeps it", "该操作员已有另一名称，且不可更改"),
    ("another operator has this name; one person is one operator", "已有同名操作员；一人只能是一名操作员"),
    ("a reason has 1 to 500 bytes and no control characters", "理由为 1 至 500 字节，且不含控制字符"),
    ("100 proposals are open; decide some of them first", "已有 100 个未决提案，请先处理其中一些"),
    ("there is nothing to change", "没有需要变更的内容"),
    ("its proposer is no administrator any more", "提案人已不是管理员"),
    ("its keys have changed since it was proposed; propose it again", "提出后相关密钥已发生变化，请重新提出"),
    ("the code was shown when it was made; make another one", "登记码只在生成时显示一次，请另行生成"),
    ("a code is good for at most 90 days", "登记码有效期至多 90 天"),
    (
        "a key is pending, arriving, active, suspended or revoked",
        "密钥状态为 pending、arriving、active、suspended 或 revoked",
    ),
    (
        "a request is draft, review, returned, approved or closed",
        "申请状态为 draft、review、returned、approved 或 closed",
    ),
    ("a key id has 32 hexadecimal digits", "密钥编号为 32 位十六进制数字"),
    ("a device id has 64 hexadecimal digits", "设备编号为 64 位十六进制数字"),
    ("a record is named by its number", "记录以其编号指定"),
    ("the suites are D and F2", "签名套件为 D 和 F2"),
    ("the PIN modes are base and oblivious", "PIN 模式为 base 和 oblivious"),
    (
        "a proposal is open, executed, rejected, withdrawn or expired",
        "提案状态为 open、executed、rejected、withdrawn 或 expired",
    ),
    (
        "a public key is a PEM `PUBLIC KEY` of SM2, or X and Y as 128 hexadecimal digits",
        "公钥为 SM2 公钥的 PEM，或以 128 位十六进制数字书写的 X 和 Y",
    ),
    ("nobody reviews a request of their own", "任何人不得审核自己的申请"),
    // authorities
    (
        "an authority is named by 1 to 32 of a-z, 0-9 and -, with a letter first",
        "机构名称为 1 至 32 个字符，仅限 a-z、0-9 和 -，以字母开头",
    ),
    ("there is an authority of this name", "已有同名机构"),
    ("the authority is retired", "该机构已停用"),
    ("the authority has no custodians", "该机构没有保管人"),
    ("the authority outside has not answered yet; ask again later", "外部机构尚未答复，请稍后再询问"),
    ("an authority outside has its own key", "外部机构有自己的密钥"),
    (
        "an authority outside has a folder, and makes decryption keys itself",
        "外部机构使用交换目录，并自行生成解密密钥",
    ),
    ("the first certificate of the chain is not that of an authority", "证书链中的第一张不是机构证书"),
    ("the certificate of a custodian is not for encryption", "保管人的证书不用于加密"),
    ("a custodian's certificate cannot be read", "保管人的证书无法解析"),
    ("a custodian's key is not of SM2", "保管人的密钥不是 SM2 密钥"),
    ("two custodians have one key: one person would be two", "两名保管人使用同一密钥：一人不能充当两人"),
    ("custodians have different labels of at most 64 bytes", "保管人的标签互不相同，且不超过 64 字节"),
    ("a quorum is at least 2, of at most 16 custodians", "门限至少为 2，保管人至多 16 名"),
    ("the quorum is none", "门限无效"),
    ("one or two reviewers pass a request", "申请由一名或两名审核人通过"),
    ("intervals are from 60 seconds to 30 days", "间隔为 60 秒至 30 天"),
    ("a certificate is valid for 1 to 10980 days", "证书有效期为 1 至 10980 天"),
    ("the policy is no object identifier", "策略不是对象标识符"),
    (
        "the base URL begins with http:// or https:// and has no / at its end",
        "基础网址以 http:// 或 https:// 开头，且末尾没有 /",
    ),
    (
        "an OCSP request of more than 1024 characters is sent with POST",
        "超过 1024 个字符的 OCSP 请求须用 POST 发送",
    ),
    ("the OCSP request is not base64", "OCSP 请求不是 base64"),
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// The texts of errors in a source file.
    fn said(source: &str, found: &mut BTreeSet<String>) {
        for opening in ["BadRequest(", "Conflict(", "Problem::malformed("] {
            for (at, _) in source.match_indices(opening) {
                let Some(text) = source[at + opening.len()..].trim_start().strip_prefix('"') else {
                    continue;
                };
                // A text may go on in the next line.
                let mut lines = text.split('"').next().unwrap().split("\\\n");
                let first = lines.next().unwrap().to_owned();
                found.insert(lines.fold(first, |text, line| text + line.trim_start()));
            }
        }
    }

    /// All sources below a folder, without their tests, one after another.
    fn sources(folder: &Path) -> String {
        let mut all = String::new();
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name());
            if path.is_dir() && name != "tests" {
                all.push_str(&sources(&path));
            } else if path.is_file()
                && name != "tests.rs"
                && name != "zh.rs"
                && folder.file_name() != Some("zh".as_ref())
            {
                let source = fs::read_to_string(&path).unwrap();
                all.push_str(source.split("#[cfg(test)]\nmod tests").next().unwrap());
            }
        }
        all
    }

    #[test]
    fn everything_that_is_said_is_said_in_both_languages() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let source: String = ["domain", "api", "signer"].map(|layer| sources(&folder.join(layer))).concat();
        let mut found = BTreeSet::new();
        said(&source, &mut found);
        let errors = fs::read_to_string(folder.join("domain/error.rs")).unwrap();
        let fixed = errors.split("#[error(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        found.extend(fixed.filter(|text| !text.contains('{')));
        let known: BTreeSet<_> = all().map(|(english, _)| (*english).to_owned()).collect();
        assert_eq!(known.len(), all().count(), "a text stands there twice");
        let missing: Vec<_> = found.difference(&known).filter(|text| !text.is_empty()).collect();
        // What cannot be done with a document is said by another crate.
        let elsewhere = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../seal/src"));
        let is_used = |text: &&String| {
            let quoted = format!("\"{text}\"");
            found.contains(*text) || source.contains(&quoted) || elsewhere.contains(&quoted)
        };
        let unused: Vec<_> = known.iter().filter(|text| !is_used(text)).collect();
        assert!(missing.is_empty() && unused.is_empty(), "missing: {missing:#?}\nunused: {unused:#?}");
    }
}
