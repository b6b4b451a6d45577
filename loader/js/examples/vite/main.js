import { boot } from "pkgsrv-loader";

const { pyodide } = await boot({ repodata: "http://127.0.0.1:8417/repodata/2026_0/", packages: ["numpy"] });
document.querySelector("output").textContent = pyodide.runPython("import numpy; str(numpy.arange(6).reshape(2, 3).sum(axis=0))");
