// SPDX-License-Identifier: Apache-2.0
// What providers, gateways and mail servers are known to say, and the class that it means.
#include <gmock/gmock.h>

#include <set>

#include "classify/classifier.h"
#include "tests/simulator/replies.h"

namespace bounced::classify {
namespace {

using enum BounceClass;

const Classifier& classifier() {
  static const Classifier instance;
  return instance;
}

struct Known {
  BounceClass expected;
  std::string_view reason;
};

void PrintTo(const Known& known, std::ostream* out) {
  *out << known.reason;
}

class KnownReplies : public testing::TestWithParam<Known> {};

TEST_P(KnownReplies, HaveTheirClass) {
  const auto verdict = classifier().why("", GetParam().reason);
  EXPECT_EQ(name_of(verdict.bounce_class), name_of(GetParam().expected))
      << GetParam().reason << "\n  by the rule " << verdict.rule << ": " << verdict.phrase;
}

INSTANTIATE_TEST_SUITE_P(
    BigProviders, KnownReplies,
    testing::Values(
        Known{invalid_address,
              "550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 "
              "double-checking the recipient's email address for typos or\n550 5.1.1 unnecessary spaces."},
        Known{mailbox_unavailable, "550 5.2.1 The email account that you tried to reach is disabled. a1-2b3c - gsmtp"},
        Known{mailbox_unavailable, "452 4.2.2 The email account that you tried to reach is over quota."},
        Known{frequency_or_volume, "450 4.2.1 The user you are trying to contact is receiving mail too quickly."},
        Known{frequency_or_volume, "421 4.7.28 Our system has detected an unusual rate of unsolicited mail."},
        Known{content, "550-5.7.1 Our system has detected that this message is\n550 5.7.1 likely unsolicited mail."},
        Known{reputation, "421 4.7.26 This mail has been rate limited because it is unauthenticated."},
        Known{reputation, "550 5.7.1 likely suspicious due to the very low reputation of the sending domain"},
        Known{content, "552 5.7.0 This message was blocked because its content presents a potential security issue."},
        Known{reputation, "550 5.7.25 The IP address sending this message does not have a PTR record setup"},
        Known{mailbox_unavailable, "552 5.3.4 The size of your message exceeded Gmail's message size limits."},
        Known{invalid_address,
              "550 5.4.1 Recipient address rejected: Access denied. [AM0EUR02FT003.protection.outlook.com]"},
        Known{reputation,
              "550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus. (AS16012611)"},
        Known{reputation, "550 5.7.606 Access denied, banned sending IP [192.0.2.1]"},
        Known{reputation,
              "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation."},
        Known{reputation, "550 SC-001 (COL004-MC1F21) Unfortunately, messages from 192.0.2.1 weren't sent."},
        Known{mailbox_unavailable, "554 5.2.2 mailbox full; STOREDRV.Deliver; quota exceeded"},
        Known{technical_failure, "550 5.4.316 Message expired, connection refused(Socket error code 10061)"},
        Known{invalid_address, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"},
        Known{reputation, "550 5.7.509 Access denied, sending domain example.com does not pass DMARC verification"},
        Known{invalid_address, "554 delivery error: dd This user doesn't have a yahoo.com account (x@yahoo.com) [0]"},
        Known{mailbox_unavailable,
              "554 30 Sorry, your message to x@aol.com cannot be delivered. This mailbox is disabled (554.30)."},
        Known{frequency_or_volume,
              "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user "
              "complaints"},
        Known{reputation, "553 5.7.2 [TSS09] All messages from 192.0.2.1 will be permanently deferred"},
        Known{reputation, "421 RTR:SC (mtain-mc05.r1000.mx.aol.com)"},
        Known{invalid_address, "550 5.1.6 recipient no longer on server: x@icloud.com"},
        Known{mailbox_unavailable, "552 5.2.2 <x@icloud.com>: user is over quota (in reply to RCPT TO command)"},
        Known{frequency_or_volume, "421 4.7.1 Messages to x@icloud.com deferred due to excessive volume."},
        Known{mailbox_unavailable,
              "550 Requested action not taken: mailbox unavailable For explanation visit https://postmaster.gmx.net"},
        Known{reputation,
              "554 gmx.net (mxgmx101) Nemesis ESMTP Service not available No SMTP service IP address is black listed."},
        Known{reputation,
              "554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de "
              "to clarify.) (BL)"},
        Known{invalid_address,
              "550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]"},
        Known{mailbox_unavailable, "552 5.1.1 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]"},
        Known{frequency_or_volume,
              "421 mwinf5c63 ME Trop de connexions, veuillez verifier votre configuration. OFR005_104 [104]"},
        Known{reputation, "550 5.7.1 <x@sfr.fr>: Recipient address rejected: SPF FAIL"},
        Known{reputation,
              "550 spam detected; too many spams from your IP (192.0.2.1), please visit http://postmaster.free.fr/"},
        Known{content,
              "550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id?c=abc or report details "
              "to abuse@corp.mail.ru."},
        Known{
            invalid_address,
            "550 Message was not accepted -- invalid mailbox.  Local mailbox x@mail.ru is unavailable: user not found"},
        Known{invalid_address, "550 5.7.1 No such user! 1-abc-nwsmtp"},
        Known{frequency_or_volume,
              "550 Ip frequency limited. http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000725"},
        Known{content,
              "550 Mail content denied. http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000726"},
        Known{mailbox_unavailable, "550 User suspended http://mail.163.com/help/help_spam_16.htm"},
        Known{invalid_address, "550 5.1.1 Not our Customer"},
        Known{reputation,
              "554 resimta-po-11v.sys.comcast.net 192.0.2.1 found on one or more DNSBLs, see "
              "http://postmaster.comcast.net/#BL000010"},
        Known{reputation,
              "553 5.3.0 flpd594 DNSBL:RBL 521< 192.0.2.1 >_is_blocked.For assistance forward this email to "
              "abuse_rbl@abuse-att.net"},
        Known{reputation, "550 5.1.0 <x@example.com> sender rejected. AUP#CXSNDR"},
        Known{reputation, "550 192.0.2.1 is blocked by EarthLink. Go to earthlink.net/block for details."},
        Known{reputation, "554 cmsmtp 192.0.2.1 blocked. Error Code: AUP#I-1000"}));

INSTANTIATE_TEST_SUITE_P(
    GatewaysAndLists, KnownReplies,
    testing::Values(
        Known{reputation, "554 5.7.0 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip=192.0.2.1"},
        Known{reputation,
              "550 csi.mimecast.org Poor Reputation Sender. - https://community.mimecast.com/docs/DOC-1369#550"},
        Known{content,
              "554 Email rejected due to security policies - https://community.mimecast.com/docs/DOC-1369#554"},
        Known{reputation, "550 permanent failure for one or more recipients (x@example.com:blocked)"},
        Known{invalid_address,
              "550 permanent failure for one or more recipients (x@example.com:550 5.1.1 user unknown)"},
        Known{invalid_address,
              "5.1.0 - Unknown address error 550-'5.1.1 <x@example.com>: User unknown' (delivery attempts: 0)"},
        Known{mailbox_unavailable,
              "5.1.0 - Unknown address error 550-'5.2.2 <x@example.com>... Mailbox Full' (delivery attempts: 0)"},
        Known{technical_failure, "5.4.7 - Delivery expired (message too old) 'timeout' (delivery attempts: 0)"},
        Known{reputation,
              "553-SPF (Sender Policy Framework) domain authentication\n553 fail. Refer to the Troubleshooting page at "
              "http://www.symanteccloud.com/troubleshooting"},
        Known{content,
              "553-Message filtered. Refer to the Troubleshooting page at\n553 "
              "http://www.symanteccloud.com/troubleshooting"},
        Known{reputation, "550 Service unavailable; Client host [192.0.2.1] blocked using Trend Micro RBL+."},
        Known{reputation,
              "550 \"The sending IP (192.0.2.1) is listed on https://spamrl.com/. Please resolve this and retry.\""},
        Known{content,
              "550 A URL in this email (example.com) is listed on https://spamrl.com/. Please resolve and retry"},
        Known{reputation,
              "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using b.barracudacentral.org"},
        Known{reputation,
              "554-mx.example.com Your access to this mail system has been rejected due to the sending MTA's poor "
              "reputation."},
        Known{reputation,
              "550 JunkMail rejected - mail.example.com [192.0.2.1]:24706 is in an RBL: Blocked - see "
              "https://www.spamcop.net/bl.shtml?192.0.2.1"},
        Known{reputation, "550-\"JunkMail rejected - x is in an RBL on rbl.websitewelcome.com\""},
        Known{reputation, "550 5.7.1 Your server 192.0.2.1 is blocked by UCEPROTECT-Network Level 2"},
        Known{content, "554 5.7.1 Service unavailable; message contains spam URL, see multi.uribl.com"}));

INSTANTIATE_TEST_SUITE_P(
    MailServers, KnownReplies,
    testing::Values(
        Known{invalid_address,
              "550 5.1.1 <x@example.com>: Recipient address rejected: User unknown in virtual mailbox table"},
        Known{technical_failure, "connect to mx.example.com[192.0.2.1]:25: Connection timed out"},
        Known{invalid_address,
              "Host or domain name not found. Name service error for name=x.example type=A: Host not found"},
        Known{technical_failure, "Name service error for name=x.example type=MX: Host not found, try again"},
        Known{technical_failure, "mail for example.com loops back to myself"},
        Known{reputation, "554 5.7.1 <x@example.com>: Relay access denied"},
        Known{reputation, "450 4.1.8 <x@example.org>: Sender address rejected: Domain not found"},
        Known{technical_failure,
              "450 4.2.0 <x@example.com>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/"},
        Known{technical_failure, "451 4.3.0 Error: queue file write error"},
        Known{invalid_address, "550 Unrouteable address"},
        Known{reputation,
              "550-Verification failed for <x@example.org>\n550-No Such User Here\n550 Sender verify failed"},
        Known{technical_failure, "retry time not reached for any host after a long failure period"},
        Known{reputation,
              "550-(mail.example.org) [192.0.2.1]:1234 is currently not permitted to relay through this server."},
        Known{invalid_address, "553 5.3.0 <x@example.com>... Addressee unknown, relay=[192.0.2.1]"},
        Known{reputation, "553 5.1.8 <x@example.org>... Domain of sender address x@example.org does not exist"},
        Known{mailbox_unavailable, "552 5.2.3 Message exceeds maximum fixed size (10240000)"},
        Known{technical_failure, "554 5.4.6 Too many hops 26 (25 max)"},
        Known{invalid_address, "Sorry, no mailbox here by that name. (#5.1.1)"},
        Known{invalid_address, "Sorry, I couldn't find any host named x.example. (#5.1.2)"},
        Known{technical_failure,
              "Sorry, I wasn't able to establish an SMTP connection. (#4.4.1) I'm not going to try again; this message "
              "has been in the queue too long."},
        Known{reputation, "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"},
        Known{mailbox_unavailable, "552 sorry, mailbox x@example.com is over quota temporarily (#5.1.1)"},
        Known{reputation, "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required"},
        Known{technical_failure, "452 4.3.1 Insufficient system resources"},
        Known{invalid_address, "User x (x@example.com) not listed in Domino Directory"},
        Known{invalid_address, "User not unique. Several matches found in Domino Directory."},
        Known{content, "554 5.7.0 Reject, id=25441-06 - INFECTED: Eicar-Test-Signature"},
        Known{content, "554 5.7.0 Reject, id=25441-06 - BANNED: application/x-msdownload,.exe"},
        Known{technical_failure, "500 5.5.1 Command unrecognized: \"XXXX\""},
        Known{technical_failure, "TLS is required, but was not offered by host mx.example.com"},
        Known{mailbox_unavailable, "552 Requested mail action aborted: exceeded storage allocation"}));

INSTANTIATE_TEST_SUITE_P(
    Vendor, KnownReplies,
    testing::Values(
        Known{technical_failure,
              "unable to get mx info: failed to get IPs from PTR record: lookup <nil>: unrecognized address"},
        Known{invalid_address, "unable to get mx info: failed to get IP for domain: lookup x.example: no such host"},
        Known{technical_failure, "error dialing remote address: dial tcp 192.0.2.1:0->192.0.2.2:25: i/o timeout"},
        Known{invalid_address, "Bounced Address"}, Known{technical_failure, "Invalid SMTPAPI header"},
        Known{unclassified, "Delayed Bounce - Unable to Parse Server Reason"}, Known{unclassified, "550 Rejected"},
        Known{unclassified, ""}));

INSTANTIATE_TEST_SUITE_P(
    OtherLanguages, KnownReplies,
    testing::Values(
        Known{invalid_address, "550 5.1.1 Empfänger unbekannt"}, Known{invalid_address, "550 Empf\xE4nger unbekannt"},
        Known{mailbox_unavailable, "Das Postfach des Empfängers ist überfüllt"},
        Known{mailbox_unavailable, "552 Postfach voll"},
        Known{reputation, "550 5.7.1 Ihre IP wurde gesperrt, siehe http://www.spamhaus.org"},
        Known{invalid_address, "550 utilisateur inconnu à cette adresse"},
        Known{mailbox_unavailable, "550 La boîte aux lettres est pleine"},
        Known{reputation, "550 5.7.1 Message refusÃ© pour non-conformitÃ© aux rÃ¨gles du rÃ©seau"},
        Known{invalid_address, "550 El usuario no existe"}, Known{mailbox_unavailable, "552 Buzón lleno"},
        Known{mailbox_unavailable, "550 El usuario esta en estado: inactivo"},
        Known{invalid_address, "550 Usuário inexistente"}, Known{mailbox_unavailable, "552 Caixa postal cheia"},
        Known{invalid_address, "550 Utente sconosciuto"}, Known{mailbox_unavailable, "552 Casella piena"},
        Known{invalid_address, "550 gebruiker onbekend"}, Known{mailbox_unavailable, "552 Postvak is vol"},
        Known{invalid_address, "550 Nie ma takiego konta"}, Known{mailbox_unavailable, "552 Skrzynka przepełniona"},
        Known{invalid_address, "550 Адрес получателя отклонён: почтовый ящик не существует"},
        Known{invalid_address, "550 ПОЛЬЗОВАТЕЛЬ НЕ НАЙДЕН"},
        Known{mailbox_unavailable, "552 Почтовый ящик переполнен"},
        Known{invalid_address, "550 宛先のメールアドレスが見つかりません"},
        Known{mailbox_unavailable, "552 メールボックスの容量を超えています。"},
        Known{invalid_address, "\x1B$B%f!<%6!<\x1B(B X \x1B$B$O8+$D$+$j$^$;$s!#\x1B(B"},
        Known{invalid_address, "$B%f!<%6!<(B X $B$O8+$D$+$j$^$;$s!#(B"}, Known{invalid_address, "550 该用户不存在"},
        Known{mailbox_unavailable, "552 收件人邮箱空间不足"},
        Known{invalid_address, "=?utf-8?B?0J/QvtC70YzQt9C+0LLQsNGC0LXQu9GMINC90LUg0L3QsNC50LTQtdC9?="},
        Known{invalid_address, "=?iso-8859-1?Q?Empf=E4nger_unbekannt?="}));

// The lists that the simulator makes up hold what the vendor's real ones do.
TEST(KnownReplies, OfTheSimulatorHaveAClass) {
  std::set<BounceClass> found;
  for (const simulator::Provider& provider : simulator::providers(simulator::Text::plain)) {
    for (const simulator::Reply& reply : provider.replies) {
      std::string reason;
      for (const auto& [text, hole] : reply.reason) {
        reason += text;
        if (hole == simulator::Reply::Hole::email) reason += "someone@example.com";
        if (hole == simulator::Reply::Hole::domain) reason += "example.com";
        if (hole == simulator::Reply::Hole::id) reason += "d9443c01a7336-1f3c4a-1";
        if (hole == simulator::Reply::Hole::ip) reason += "192.0.2.1";
      }
      const BounceClass bounce_class = classifier().classify(reply.status, reason);
      EXPECT_NE(bounce_class, unclassified) << reason;
      found.insert(bounce_class);
    }
  }
  EXPECT_THAT(found, testing::IsSupersetOf(
                         {invalid_address, mailbox_unavailable, technical_failure, reputation, frequency_or_volume}));
}

}  // namespace
}  // namespace bounced::classify
