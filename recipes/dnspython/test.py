import dns.message
import dns.name
import dns.rrset
import dns.zone

query = dns.message.make_query("www.example.", "A")
answer = dns.message.make_response(query)
answer.answer.append(dns.rrset.from_text("www.example.", 300, "IN", "A", "192.0.2.1", "192.0.2.2"))
again = dns.message.from_wire(answer.to_wire())
assert {rdata.address for rdata in again.answer[0]} == {"192.0.2.1", "192.0.2.2"} and again.id == query.id
zone = dns.zone.from_text("@ 60 IN SOA ns hostmaster 1 2 3 4 5\n@ 60 IN NS ns\nns 60 IN A 192.0.2.3\n", "example.")
assert zone.get_rdataset("ns", "A").ttl == 60
assert dns.name.from_text("a.b.example.").is_subdomain(dns.name.from_text("EXAMPLE."))
