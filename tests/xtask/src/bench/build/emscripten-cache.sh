# What a machine has on which pyodide-build has built before: a cache of Emscripten's that has the system libraries
# which configure checks without flags link, and can be written. The toolchain's own has those of the wrapper's flags,
# and frozen, Emscripten works out at every link which symbols come from JavaScript.
cp -r "$EM_CACHE" "$PREFIX/cache"
chmod -R u+w "$PREFIX/cache"
export EM_CACHE="$PREFIX/cache"
unset EM_FROZEN_CACHE
cat > warm.c <<'END'
#include <math.h>
#include <stdio.h>
int main(int count, char **arguments) { printf("%f", sin(count)); return 0; }
END
cat > warm.cpp <<'END'
#include <iostream>
int main(int count, char **arguments) { std::cout << count; return 0; }
END
emcc warm.c -o warm.js
em++ warm.cpp -o warm.js
