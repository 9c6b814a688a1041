// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/replies.h"

#include <array>
#include <initializer_list>
#include <utility>

namespace bounced::simulator {
namespace {

struct Words {
  std::string_view status;
  std::string_view reason;  // {email}, {domain}, {id} and {ip} are holes; the API's own texts often end with a blank
};

struct Group {
  int weight;
  std::initializer_list<std::string_view> domains;
  std::initializer_list<Words> replies;
};

const std::initializer_list<Group> groups = {
    {6,
     {"gmail.com", "gmail.com", "gmail.com", "googlemail.com"},
     {{"5.1.1",
       "550 5.1.1 The email account that you tried to reach does not exist. Please try double-checking the recipient's "
       "email address for typos or unnecessary spaces. Learn more at https://support.google.com/mail/?p=NoSuchUser "
       "{id} "
       "- gsmtp "},
      {"5.2.1",
       "550 5.2.1 The email account that you tried to reach is disabled. Learn more at "
       "https://support.google.com/mail/?p=DisabledUser {id} - gsmtp "},
      {"552",
       "552 5.2.2 The email account that you tried to reach is over quota. Please direct the recipient to "
       "https://support.google.com/mail/?p=OverQuotaPerm {id} - gsmtp"},
      {"4.2.1",
       "450 4.2.1 The user you are trying to contact is receiving email at a rate that prevents additional messages "
       "from "
       "being delivered. https://support.google.com/mail/?p=ReceivingRate {id} - gsmtp"}}},
    {3,
     {"yahoo.com", "ymail.com", "yahoo.co.uk", "aol.com"},
     {{"554",
       "554 delivery error: dd This user doesn't have a yahoo.com account ({email}) [0] - mta4212.mail.bf1.yahoo.com "},
      {"550",
       "550 5.1.1 <{email}> delivery error: dd Not a valid recipient - "
       "atlas-production.v2-mail-prod1-gq1.omega.yahoo.com"},
      {"5.7.9", "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes"},
      {"421",
       "421 4.7.0 [TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user complaints - "
       "4.16.55.1; see https://postmaster.yahooinc.com/error-codes"}}},
    {3,
     {"hotmail.com", "outlook.com", "live.com", "msn.com", "hotmail.co.uk"},
     {{"550",
       "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). "
       "[{id}.eop-nam12.prod.protection.outlook.com]"},
      {"5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {email} not found by SMTP address lookup "},
      {"5.7.1",
       "550 5.7.1 Unfortunately, messages from [{ip}] weren't sent. Please contact your Internet service provider "
       "since part "
       "of their network is on our block list (S3150). You can also refer your provider to "
       "http://mail.live.com/mail/troubleshooting.aspx#errors."},
      {"5.2.2", "552 5.2.2 <{email}>: mailbox full"}}},
    {1,
     {"icloud.com", "me.com", "mac.com"},
     {{"5.1.1", "550 5.1.1 <{email}>: user does not exist"},
      {"552", "552 5.2.2 <{email}>: user is over quota"},
      {"5.7.0", "554 5.7.0 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip={ip} "}}},
    {1,
     {"gmx.de", "gmx.net", "web.de"},
     {{"550",
       "550 Requested action not taken: mailbox unavailable For explanation visit "
       "https://postmaster.gmx.net/en/case?c=r0101&i=ip&v={ip}&r={id}"},
      {"5.1.1", "550 5.1.1 <{email}>: Recipient address rejected: Empfänger unbekannt - Postfach nicht verfügbar"},
      {"5.2.2", "552 5.2.2 Das Postfach des Empfängers ist überfüllt; bitte versuchen Sie es später erneut"}}},
    {1,
     {"orange.fr", "wanadoo.fr", "free.fr", "laposte.net"},
     {{"550", "550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]"},
      {"4.0.0",
       "421 mwinf5c77 ME Service refuse. Veuillez essayer plus tard. Service refused, please try later. OFR_999 [999]"},
      {"5.1.1", "550 5.1.1 <{email}>: Boîte aux lettres désactivée - utilisateur inconnu à cette adresse"},
      {"550", "550 5.7.1 Message refusÃ© pour non-conformitÃ© aux rÃ¨gles du rÃ©seau ({ip}) "}}},
    {1,
     {"docomo.ne.jp", "ezweb.ne.jp", "softbank.ne.jp", "yahoo.co.jp"},
     {{"550", "550 Unknown user {email} "},
      {"5.1.1", "550 5.1.1 <{email}>... 宛先のメールアドレスが見つかりません"},
      {"5.2.2", "552 5.2.2 <{email}>... メールボックスの容量を超えています。"},
      {"550", "550 Invalid recipient: <{email}> =?ISO-2022-JP?B?GyRCMDg+bCROJWElJCVrJSIlSSVsJTkbKEI=?= "}}},
    {1,
     {"mail.ru", "yandex.ru", "bk.ru", "rambler.ru"},
     {{"550",
       "550 Message was not accepted -- invalid mailbox.  Local mailbox {email} is unavailable: user not found "},
      {"5.7.1", "550 5.7.1 No such user! {id}-nwsmtp"},
      {"5.1.1", "550 5.1.1 <{email}>: Адрес получателя отклонён: почтовый ящик не существует"},
      {"5.2.2", "552 5.2.2 Почтовый ящик переполнен / mailbox is full (https://help.mail.ru/mail/)"}}},
    {4,
     {},
     {{"5.1.1", "550 5.1.1 <{email}>: Recipient address rejected: User unknown in virtual mailbox table "},
      {"5.1.1", "550 5.1.1 <{email}>... User Unknown "},
      {"550", "550 No Such User Here\""},
      {"5.4.4", "unable to resolve the domain {domain}: Host or domain name not found"},
      {"550", "550 #5.1.0 Address rejected {email}"},
      {"4.4.1", "421 4.4.1 Error: connect to {domain}[{ip}]:25: Connection timed out "},
      {"5.7.1",
       "554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org; "
       "https://www.spamhaus.org/query/ip/{ip} "},
      {"5.0.0", "550 permanent failure for one or more recipients ({email}:blocked)"},
      {"5.3.0", "553 5.3.0 <{email}>... Addressee unknown, relay=[{ip}]"},
      {"550", "550-Verification failed for <bounces@news.example>\n550-No Such User Here\n550 Sender verify failed"},
      {"5.7.606", "550 5.7.606 Access denied, banned sending IP [{ip}]; see https:\\\\sender.office.com & try again"},
      {"", "Unable to get mx info: failed to get IPs from PTR record: lookup <nil>: unrecognized address"}}},
};

std::vector<Reply::Piece> pieces(std::string_view words, Text into) {
  constexpr std::array<std::pair<std::string_view, Reply::Hole>, 4> names = {{{"{email}", Reply::Hole::email},
                                                                              {"{domain}", Reply::Hole::domain},
                                                                              {"{id}", Reply::Hole::id},
                                                                              {"{ip}", Reply::Hole::ip}}};
  std::vector<Reply::Piece> result;
  std::size_t begin = 0;
  for (std::size_t brace = words.find('{'); brace != words.npos; brace = words.find('{', brace + 1)) {
    for (const auto& [name, hole] : names) {
      if (!words.substr(brace).starts_with(name)) continue;
      result.push_back({escaped(words.substr(begin, brace - begin), into), hole});
      begin = brace + name.size();
    }
  }
  result.push_back({escaped(words.substr(begin), into), Reply::Hole::none});
  return result;
}

std::vector<Provider> compile(Text into) {
  std::vector<Provider> result;
  for (const Group& group : groups) {
    Provider provider{group.domains, {}};
    for (const Words& words : group.replies) {
      provider.replies.push_back({std::string(words.status), pieces(words.reason, into)});
    }
    result.insert(result.end(), static_cast<std::size_t>(group.weight), provider);
  }
  return result;
}

}  // namespace

const std::vector<Provider>& providers(Text into) {
  static const std::array<std::vector<Provider>, 4> all = {compile(Text::plain), compile(Text::json),
                                                           compile(Text::json_ascii), compile(Text::xml)};
  return all.at(static_cast<std::size_t>(into));
}

}  // namespace bounced::simulator
