# 每个页面上的文字。
help = 帮助:{ $helpdesk }
reference = 参考代码 { $code }
continue = 继续
back-to-webmail = 返回邮箱
sign-out = 退出登录

# 请求第二种证明的页面。
ask-title = 请确认是您本人
ask-why = 这次登录与您平时的情况不同。请证明确实是您本人。只需片刻,您写的内容不会丢失。
ask-why-restricted = 此会话只能阅读。通过以下任一方式确认后,即可恢复全部功能。
ask-why-manage = 在更改验证方式之前,请再次确认是您本人。
factor-passkey = 通行密钥
factor-totp = 应用中的验证码
factor-recovery_code = 恢复代码
factor-helpdesk_code = 服务台提供的代码
hint-passkey = 请用指纹、面容或 PIN 解锁通行密钥,或触摸您的安全密钥。
hint-totp = 请在手机上打开显示验证码的应用,并输入六位数字。
hint-recovery_code = 请输入您打印或抄写的十个代码之一。每个代码只能使用一次。
hint-helpdesk_code = 请向服务台索取代码。他们核实您的身份后,会读给您八位数字。
label-totp = 六位验证码
label-recovery_code = 恢复代码
label-helpdesk_code = 服务台代码
passkey-button = 使用通行密钥
passkey-script = 通行密钥需要 JavaScript,而此浏览器已将其关闭。请选择其他方式。
passkey-failed = 通行密钥未能成功。请重试,或选择其他方式。
remember = 这是我自己的设备:记住此浏览器
confirm = 确认
other-ways = 其他方式
wrong-code = 代码不正确,或已被使用过。请检查后重试。
stale = 此页面已过期。请重试。
too-many =
    { $minutes ->
       *[other] 错误的代码太多。请等待 { $minutes } 分钟,或选择其他方式。
    }
fault = 由于我们这边的故障,目前无法完成。请一分钟后重试。

# 之后显示的内容。
passed-title = 谢谢
passed-restricted = 您可以阅读邮件。如需在此发送邮件或更改设置,请使用通行密钥,或向服务台索取代码。
passed-frame = 已确认。正在发送您的邮件。
nothing-title = 此会话只能阅读
nothing-text = 这次登录与您平时的情况不同。为了您的安全,可以阅读邮件,但不能发送。请联系服务台,他们可以立即恢复。

# 个人页面。
account-title = 您的账户
account-sessions = 您在哪里登录
session-this = 当前会话
state-open = 可使用全部功能
state-restricted = 只能阅读
state-challenged = 等待确认
not-me-why = 其中有您不认识的吗?那么可能有别人知道您的密码。
not-me = 这不是我:退出其他所有登录
not-me-title = 请立即更改密码
not-me-text = 其他会话均已结束,其他浏览器已被忘记,管理员已收到通知。在您更改密码之前,知道密码的人仍然可以登录。
account-devices = 已记住的浏览器
device-since = 自 { $date } 起已知
device-used = 上次使用 { $date }
forget = 忘记
account-factors = 如何证明是您本人
factors-none = 尚未设置。如果某天您的登录看起来异常,例如在旅途中,您将只能阅读。设置只需一分钟。
factor-added = 添加于 { $date }
codes-left =
    { $count ->
       *[other] 还剩 { $count } 个恢复代码。
    }
remove = 移除
add-app = 添加显示验证码的应用
add-passkey = 添加通行密钥
new-codes = 生成新的恢复代码
change-blocked = 如需更改,请在校园网内登录,或使用您在此已用过至少一天的浏览器,或向服务台索取代码。
change-confirm = 如需更改,请先确认是您本人。
use-helpdesk-code = 我有服务台提供的代码
changed = 已完成。
not-changed = 未能完成。请重试。
app-title = 添加显示验证码的应用
app-scan = 请在手机上打开验证码应用,例如手机自带的密码应用,并扫描此图片。
app-picture = 供应用扫描的图片
app-secret = 如果无法扫描,请在应用中输入此密钥:
app-code = 然后输入应用显示的六位数字。
name-label = 名称,以便日后辨认
name-app = 我的手机
name-passkey = 我的通行密钥
add = 添加
cancel = 取消
passkey-title = 添加通行密钥
passkey-text = 通行密钥保存在您的手机、电脑或安全密钥中,用指纹、面容或 PIN 解锁。这是最安全的方式:任何假冒页面都无法骗走它。
codes-title = 您的恢复代码
codes-text = 请打印或抄写,并与密码分开保存。每个代码只能使用一次,以备手机丢失之需。它们不会再次显示。

held-title = 您的邮件正在等待
held-text = 您已确认是您本人。邮件尚未发送。
held-send = 继续处理
held-done-title = 此邮件已发送,或正在发送
held-done-text = 无需再做任何操作。如不确定,请查看已发送文件夹。

factor-other_address = 发送代码到其他地址
hint-other_address = 我们会向您的另一个地址发送六位数字。
label-other_address = 我们发送的验证码
send-code = 发送代码
code-sent = 代码已发出,十分钟内有效;也请查看垃圾邮件文件夹。
code-not-sent = 代码未能发送。请稍后重试,或选择其他方式。
too-many-letters = 已发送的代码过多。请等待一小时,或选择其他方式。
add-address = 添加另一个地址
address-title = 添加另一个地址
address-text = 请填写您在别处的地址,而不是本邮箱。当登录看起来异常时,代码会发送到那里,账户的通知也是。
address-label = 您的其他地址
address-own = 这不是电子邮件地址,或属于本邮箱。请使用别处的地址。
letter-code-subject = 您在 { $site } 的代码
letter-code = 您的代码是 { $code },十分钟内有效。如果不是您索取的,说明有人知道您的密码:请立即更改。
letter-notice-subject = 您在 { $site } 的账户有新情况
letter-changed = 证明您本人身份的方式已更改。
letter-new = 有人使用新的浏览器或从新的国家登录了您的账户。
letter-not-you = 如果不是您本人,请打开此页面并更改密码:

# The page that asks for a new password.
password-title = 请更换您的密码
password-breached = 您刚才使用的密码出现在被盗密码名单中，盗贼会到处尝试这些密码。它可能是在您使用同一密码的其他地方泄露的。
password-weak = 您刚才使用的密码很容易被猜到。
password-by = 请在 { $date } 之前更换。此后在更换密码之前，您在这里只能阅读邮件，不能发送。
password-now = 期限已过。在更换密码之前，您在这里可以阅读邮件，但不能发送邮件或更改设置。
password-then = 在那里更换之后，请用新密码重新登录这里。
password-change = 更换密码
later = 以后再说
password-read = 阅读邮件

# Confirming from campus: what is shown where it is asked, and on the person's page there.
factor-campus = 在校园内确认
hint-campus = 由在校园内登录了您账户的人（您自己或在您办公桌旁您信任的人）确认是您本人。
label-campus = 数字
campus-open = 在校园内已打开的网页邮箱中，访问 { $address } 并在那里输入这个数字。您有五分钟时间。
campus-done = 已在那里确认：继续
campus-not-yet = 尚未确认。请先在校园内输入该数字。
campus-too-many = 请求次数过多。请等待一小时，或选择其他方式。
campus-title = 这是您在别处登录吗？
campus-text = 有知道您密码的人正从以下位置登录，并请求您确认：
campus-label = 如果是您：那里显示的数字
campus-else = 如果不是您，请不要输入任何内容：对方无法进入。请更换您的密码。
campus-confirmed = 已确认。请在另一个屏幕上按“继续”。
campus-wrong = 这不是那里显示的数字。
campus-gone = 已没有人在等待确认。如果刚才是您，请重新请求。

# The page that invites to set up a second proof.
invite-title = 用一分钟保护您的账户
invite-text = 密码会被盗。使用手机应用或通行密钥，您可以（例如在旅途中）证明确实是您本人，别人仅凭您的密码无法进入。设置只需一分钟。
invite-button = 开始设置
not-now = 暂不

# Where codes may go to a telephone too.
address-text-or-telephone = 您在别处（不是这里）的电子邮箱地址，或带国家代码的手机号码，例如 +49 151 12345678。登录看起来异常时，验证码会发到那里；有关您账户的通知会发到电子邮箱地址。
address-label-or-telephone = 您的其他邮箱地址或电话号码
address-own-or-telephone = 这既不是别处的电子邮箱地址，也不是以 + 和国家代码开头的电话号码。

# Where a request is not answered by the webmail: in the webmail's own page or in one of ours.
sign-in = 登录
seconds = { $count } 秒
minutes = { $count } 分钟
hours = { $count } 小时
refused-title-odd = 无法理解此请求
refused-odd = 其中包含浏览器不会发送的内容。如果是网页邮箱的页面将您带到这里，请将参考代码告知服务台。
refused-title-nowhere = 这里什么都没有
refused-nowhere = 此地址不存在。
refused-odd-method = 网页邮箱不以这种方式访问。
refused-odd-encoding = 表单须按原样提交，不可压缩。
refused-title-large = 内容过大
refused-large = 该文件或邮件超过了此网页邮箱可接受的大小。
refused-title-slow = 连接太慢
refused-slow = 请求未能及时到达。未作任何更改，请重试。
refused-title-busy = 目前过于繁忙
refused-busy = 同时到达的大邮件过多。未作任何更改，请稍后重试。
refused-title-flood = 请求过多
refused-flood = 来自您网络的请求远多于人所能发出的数量。请稍候。
refused-title-held-too-long = 您的邮件等待过久
refused-held-too-long = 由于时间过长，邮件未发送。它仍在这里：您现在可以发送。
refused-title-held-uncertain = 不确定您的邮件是否已发送
refused-held-uncertain = 发送过程中断。再次发送之前，请先查看已发送邮件文件夹。
refused-title-upstream = 网页邮箱没有响应
refused-upstream = 此地址的网页邮箱目前无法工作。您的邮件是安全的。
refused-upstream-not-sent = 您的邮件未发送；它仍在这里。请几分钟后重试。
refused-upstream-uncertain = 不确定您的邮件是否已发送：再次发送之前，请查看已发送文件夹。
refused-upstream-again = 请几分钟后重试。
refused-title-limit = 已达到发送上限
refused-limit = 您已达到发送上限，因此此邮件未发送。没有任何内容丢失。
refused-limit-by-itself = 它将在 { $wait }后自动发送。
refused-limit-again = 请在 { $wait }后再次发送。
refused-limit-fits = 目前它可以发送给 { $count } 位收件人。
refused-limit-never = 其收件人数超过了此时间内允许的数量（{ $count }）。如需群发，请咨询服务台。
refused-title-recipients = 收件人过多
refused-recipients = 此邮件有 { $asked } 位收件人；一封邮件最多可有 { $most } 位。邮件未发送，没有任何内容丢失。
refused-recipients-list = 如需群发，请向服务台申请邮件列表。
refused-title-reads = 此会话只能阅读
refused-unlike = 这不像您平时的写信方式，因此为了您的安全，邮件未发送，此会话只能阅读。没有任何内容丢失。
refused-unlike-you = 如果是您本人，请联系服务台：他们可以立即开通。
refused-title-content = 这封邮件不能原样发送
refused-content = 这封邮件看起来像其他邮件服务器不接收的邮件，因此未发送。没有任何内容丢失。
refused-content-ask = 如果是您自己写的，请联系服务台。
refused-title-infected = 发现病毒
refused-infected = 在这封邮件或它的某个文件中发现了病毒，因此未发送。您的文字已保留：请移除该文件后重新发送。如果文件是您的，请检查您的电脑。
refused-infected-file = 在此文件中发现了病毒，因此未添加为附件。您的邮件已保留。如果文件是您的，请检查您的电脑。
refused-title-unseen = 请一分钟后重试
refused-unseen = 目前无法检查邮件，因此这封邮件尚未发送。没有任何内容丢失；请一分钟后重新发送。
refused-unseen-file = 目前无法检查文件，因此此文件未添加为附件。没有任何内容丢失；请一分钟后重新添加。
refused-reads = 为了您的安全，此会话可以阅读邮件，但不能进行此操作。未作任何更改。请联系服务台。
refused-title-waits = 暂时不能从这里操作
refused-waits = 为了您的安全，暂时不能从此浏览器进行此操作；未作任何更改。其他一切照常。如果您现在就需要，请联系服务台。
refused-title-refused = 您无法从此处登录
refused-refused = 此次登录与该账户平时的登录差异过大。如果是您本人，请联系服务台。
refused-title-attempts = 请稍候再登录
refused-attempts = 登录失败次数过多。
refused-attempts-wait = 请等待 { $wait }，然后重试。
refused-attempts-forgotten = 如果您忘记了密码，服务台可以为您设置新密码。
refused-title-locked = 此账户已锁定
refused-locked-send = 您的账户已锁定，因此此邮件未发送。请联系服务台。
refused-locked = 管理员已锁定此账户。请联系服务台；他们可以告诉您原因并重新开通。
refused-title-password = 请先更换密码
refused-password = 您的密码已知不安全，且更换期限已过，因此未执行此操作。请在设置中更换密码，即可继续。没有任何内容丢失。
refused-prove-send = 请确认是您本人。您的邮件尚未发送，没有任何内容丢失。
refused-prove = 继续之前，请确认是您本人。
refused-title-again = 请重新登录
refused-again = 此会话已结束。请重新登录；您写的内容已保留。
refused-title-fault = 目前无法进行
refused-fault-nothing-lost = 由于我方故障，目前无法进行此操作。没有任何内容丢失；请一分钟后重试。
back-not-sent = 您的邮件尚未发送
back-not-saved = 您的草稿尚未保存
back-still-here = 您的邮件仍在这里
back-kept = 您写的内容保留在此页面中。请在重试之前不要关闭。
back-file = 您选择的文件未保留。
back-file-how = 它尚未添加到邮件中。如需一并发送，请返回，用“添加”按钮添加后再发送。
back-sign-in = 在新窗口中登录
back-prove = 在新窗口中确认是您本人
back-then = 然后回到这里重试。
try-again = 重试
