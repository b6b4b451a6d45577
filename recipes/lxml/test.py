import io

from lxml import etree, html, objectify

root = etree.fromstring('<a xmlns:p="urn:p"><p:b n="1">é</p:b><b n="2"/><!-- c --></a>')
assert root.xpath("string(//p:b)", namespaces={"p": "urn:p"}) == "é"
assert root.xpath("sum(//@n)") == 3.0
assert etree.tostring(root, method="c14n").startswith(b'<a xmlns:p="urn:p"><p:b n="1">')
style = etree.XSLT(etree.XML(
    '<s:stylesheet version="1.0" xmlns:s="http://www.w3.org/1999/XSL/Transform">'
    '<s:template match="/"><s:for-each select="//@n"><s:sort order="descending"/><s:value-of select="."/>;</s:for-each>'
    "</s:template><s:output method='text'/></s:stylesheet>"
))
assert str(style(root)) == "2;1;"
schema = etree.RelaxNG(etree.XML('<element name="a" xmlns="http://relaxng.org/ns/structure/1.0"><text/></element>'))
assert schema(etree.XML("<a>x</a>")) and not schema(root)
names = [element.tag for _, element in etree.iterparse(io.BytesIO(b"<r>" + b"<x/>" * 1000 + b"</r>"))]
assert names == ["x"] * 1000 + ["r"]
page = html.fromstring("<p>one<p>two <a href='x?a=1&b'>link</a>")
page.make_links_absolute("http://h/d/")
assert [p.text for p in page.iter("p")] == ["one", "two "] and page.xpath("//a/@href") == ["http://h/d/x?a=1&b"]
assert objectify.fromstring("<o><v>1</v><v>2</v></o>").v[1] + 1 == 3
assert etree.fromstring("<ä>ö</ä>".encode("latin-1"), etree.XMLParser(encoding="latin-1")).text == "ö"
try:
    etree.fromstring("<a><b></a>")
except etree.XMLSyntaxError as error:
    assert error.position[0] == 1 and "mismatch" in str(error), error
else:
    raise AssertionError("a tag that does not end was accepted")
