// A client made with @modelcontextprotocol/client, the TypeScript SDK of version 2.

import { drive, load, mode, server } from './drive.mjs';

const { Client, SSEClientTransport, StreamableHTTPClientTransport } = load(
  '@modelcontextprotocol/client',
);
const { StdioClientTransport } = load('@modelcontextprotocol/client/stdio');

const transports = {
  http: () => new StreamableHTTPClientTransport(new URL(server.url)),
  sse: () => new SSEClientTransport(new URL(server.url)),
  stdio: () => new StdioClientTransport(server),
};

async function connect() {
  const named = { name: 'typescript-sdk-2', version: '1' };
  const asked = mode === 'legacy' || mode === 'auto' ? mode : { pin: mode };
  const client = new Client(named, { versionNegotiation: { mode: asked } });
  await client.connect(transports[server.type]());
  return { client, version: client.getNegotiatedProtocolVersion() };
}

await drive(connect, (client, call, options) => client.callTool(call, options));
