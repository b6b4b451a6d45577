// What Emscripten keeps to itself, and a loader links with.
Module["updateGOT"] = updateGOT;
