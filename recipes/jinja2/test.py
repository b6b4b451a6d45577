import jinja2

pages = {
    "base": "<h1>{% block title %}{% endblock %}</h1>",
    "page": "{% extends 'base' %}{% block title %}{{ title | upper }}"
    "{% for n in rows if n > 1 %} {{ loop.index }}:{{ n }}{% endfor %}{% endblock %}",
}
environment = jinja2.Environment(loader=jinja2.DictLoader(pages), autoescape=True, undefined=jinja2.StrictUndefined)
page = environment.get_template("page")
assert page.render(title="<b>", rows=[1, 2, 3]) == "<h1>&lt;B&gt; 1:2 2:3</h1>"
try:
    environment.from_string("a\n{{ missing }}").render()
except jinja2.UndefinedError as error:
    assert str(error) == "'missing' is undefined", error
else:
    raise AssertionError("a missing value was accepted")
try:
    environment.from_string("a\n{% if %}")
except jinja2.TemplateSyntaxError as error:
    assert error.lineno == 2, error
else:
    raise AssertionError("half a template was accepted")
