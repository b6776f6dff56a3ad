// Serves the built page, the dashboard to draw, and Prometheus.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const here = import.meta.dirname;
const icons = join(here, 'node_modules/@grafana/ui/dist/public');
const font = join(here, 'node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2');
const types = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

export async function serve(prometheus, dashboard) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (pathname.startsWith('/api/')) {
      const answer = await fetch(prometheus + request.url);
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(await answer.text());
      return;
    }
    if (pathname === '/dashboard.json') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(dashboard);
      return;
    }
    const path = locate(pathname);
    if (!existsSync(path) || !statSync(path).isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': types[extname(path)] ?? 'application/octet-stream' });
    createReadStream(path).pipe(response);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

// locate returns the file of an address. It maps the paths of Grafana's icons and font as Grafana's own server does.
function locate(pathname) {
  const path = normalize(pathname);
  if (path.startsWith('/public/build/')) {
    return join(icons, path.slice('/public/build'.length));
  }
  if (path.startsWith('/public/fonts/inter/')) {
    return font;
  }
  return join(here, 'dist', path === '/' ? 'index.html' : path);
}
