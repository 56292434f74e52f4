using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using static Containerd.Images.Tests.ScriptedServer;

namespace Containerd.Images.Tests;

/// <summary>Registries that misbehave, one way each.</summary>
public sealed class HttpRegistryTests
{
    private static readonly byte[] Blob = RandomNumberGenerator.GetBytes(200_000);
    private static readonly Descriptor BlobDescriptor = new() { MediaType = MediaTypes.OciLayerGzip, Digest = Digest.Sha256(Blob), Size = Blob.Length };
    private static readonly byte[] Manifest = Encoding.UTF8.GetBytes("""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}""");

    private static HttpRegistry NewRegistry(int maxRetries = 3, int patienceMilliseconds = 5000) => new(new HttpRegistryOptions
    {
        PlainHttpOnLoopback = true,
        MaxRetries = maxRetries,
        RetryDelay = TimeSpan.FromMilliseconds(1),
        NoProgressTimeout = TimeSpan.FromMilliseconds(patienceMilliseconds),
    });

    private static ImageReference Reference(ScriptedServer server) => ImageReference.Parse($"{server.Host}/team/app:1");

    private static NUnit.Framework.Constraints.EqualConstraint<ErrorKind> Fails(ErrorKind kind) =>
        Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(kind);

    private static async Task<byte[]> FetchAsync(HttpRegistry registry, ScriptedServer server, long offset = 0, Descriptor? what = null)
    {
        await using Stream body = await registry.FetchAsync(Reference(server), what ?? BlobDescriptor, offset);
        using var bytes = new MemoryStream();
        await body.CopyToAsync(bytes);
        return bytes.ToArray();
    }

    private static int RangeOf(Request request) => request.Headers.TryGetValue("Range", out string? range) ? int.Parse(range["bytes=".Length..].TrimEnd('-'), null) : 0;

    private static Task PartAsync(Stream stream, int from) =>
        RespondAsync(stream, from == 0 ? 200 : 206, Blob[from..], from == 0 ? "X: y" : $"Content-Range: bytes {from}-{Blob.Length - 1}/{Blob.Length}");

    [Test]
    public async Task ATagIsResolvedByHeaders()
    {
        await using var server = new ScriptedServer((_, stream, _) =>
            HeadAsync(stream, 200, $"Content-Length: {Manifest.Length}", $"Content-Type: {MediaTypes.OciIndex}", $"Docker-Content-Digest: {Digest.Sha256(Manifest)}"));
        using HttpRegistry registry = NewRegistry();
        Descriptor resolved = await registry.ResolveAsync(Reference(server));
        Assert.That(resolved, Is.EqualTo(new Descriptor { MediaType = MediaTypes.OciIndex, Digest = Digest.Sha256(Manifest), Size = Manifest.Length }));
        Assert.That(server.Requests.Select(request => (request.Method, request.Path)), Is.EqualTo(new[] { ("HEAD", "/v2/team/app/manifests/1") }));
    }

    [TestCase(405)]
    [TestCase(403)]
    [TestCase(200)]
    public async Task AnUnhelpfulHeadIsFollowedByGet(int status)
    {
        await using var server = new ScriptedServer((request, stream, _) => request.Method == "HEAD"
            ? HeadAsync(stream, status, "Content-Length: 0")
            : RespondAsync(stream, 200, Manifest, "Content-Type: text/plain"));
        using HttpRegistry registry = NewRegistry();
        Descriptor resolved = await registry.ResolveAsync(Reference(server));
        Assert.That(resolved, Is.EqualTo(new Descriptor { MediaType = MediaTypes.OciIndex, Digest = Digest.Sha256(Manifest), Size = Manifest.Length }));
    }

    [Test]
    public async Task ADigestInTheReferenceIsWhatIsResolvedWhateverTheHeaderSays()
    {
        await using var server = new ScriptedServer((_, stream, _) =>
            HeadAsync(stream, 200, $"Content-Length: {Manifest.Length}", $"Content-Type: {MediaTypes.OciIndex}", $"Docker-Content-Digest: {Digest.Sha256("a lie"u8)}"));
        using HttpRegistry registry = NewRegistry();
        Descriptor resolved = await registry.ResolveAsync(Reference(server).WithDigest(Digest.Sha256(Manifest)));
        Assert.That(resolved.Digest, Is.EqualTo(Digest.Sha256(Manifest)));
    }

    [Test]
    public async Task AHugeManifestIsRefused()
    {
        await using var announced = new ScriptedServer((_, stream, _) =>
            HeadAsync(stream, 200, "Content-Length: 4194305", $"Content-Type: {MediaTypes.OciIndex}", $"Docker-Content-Digest: {Digest.Sha256(Manifest)}"));
        await using var endless = new ScriptedServer(async (request, stream, token) =>
        {
            await HeadAsync(stream, request.Method == "HEAD" ? 405 : 200);
            while (request.Method == "GET")
                await stream.WriteAsync(new byte[65536], token);
        });
        using HttpRegistry registry = NewRegistry();
        Assert.That(() => registry.ResolveAsync(Reference(announced)), Fails(ErrorKind.DataCorrupted));
        Assert.That(() => registry.ResolveAsync(Reference(endless)), Fails(ErrorKind.DataCorrupted));
    }

    [Test]
    public async Task AMissingTagSaysWhatToDo()
    {
        await using var server = new ScriptedServer((_, stream, _) => RespondAsync(stream, 404, """{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no\u0007pe"}]}"""u8.ToArray()));
        using HttpRegistry registry = NewRegistry();
        Assert.That(() => registry.ResolveAsync(Reference(server)), Fails(ErrorKind.NotFound));
        var e = Assert.ThrowsAsync<RegistryException>(() => FetchAsync(registry, server));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((e.Kind, e.StatusCode, e.Codes), Is.EqualTo((ErrorKind.NotFound, HttpStatusCode.NotFound, new[] { "MANIFEST_UNKNOWN" })));
            Assert.That(e.Message, Does.Contain(server.Host).And.Contain("team/app").And.Contain("check the reference").And.Contain("no\\u0007pe"));
        }
    }

    [TestCase(401, ErrorKind.PermissionDenied)]
    [TestCase(403, ErrorKind.PermissionDenied)]
    [TestCase(500, ErrorKind.Unavailable)]
    [TestCase(418, ErrorKind.Unknown)]
    public async Task StatusesBecomeKinds(int status, ErrorKind kind)
    {
        await using var server = new ScriptedServer((_, stream, _) => RespondAsync(stream, status, "<html>"u8.ToArray()));
        using HttpRegistry registry = NewRegistry(maxRetries: 0);
        Assert.That(() => FetchAsync(registry, server), Fails(kind));
    }

    [Test]
    public async Task AServerErrorIsTriedAgain()
    {
        int failures = 2;
        await using var server = new ScriptedServer((_, stream, _) => Interlocked.Decrement(ref failures) >= 0 ? RespondAsync(stream, 503, []) : PartAsync(stream, 0));
        using HttpRegistry registry = NewRegistry();
        Assert.That(await FetchAsync(registry, server), Is.EqualTo(Blob));
        Assert.That(server.Requests, Has.Count.EqualTo(3));
    }

    [Test]
    public async Task ARateLimitIsWaitedForAsLongAsItSays()
    {
        int failures = 1;
        await using var server = new ScriptedServer((_, stream, _) =>
            Interlocked.Decrement(ref failures) >= 0 ? RespondAsync(stream, 429, [], "Retry-After: 1") : PartAsync(stream, 0));
        using HttpRegistry registry = NewRegistry();
        long started = TimeProvider.System.GetTimestamp();
        Assert.That(await FetchAsync(registry, server), Is.EqualTo(Blob));
        Assert.That(TimeProvider.System.GetElapsedTime(started), Is.GreaterThan(TimeSpan.FromMilliseconds(950)));
    }

    [Test]
    public async Task ALongRateLimitIsSaidAtOnce()
    {
        await using var server = new ScriptedServer((_, stream, _) => RespondAsync(stream, 429, [], "Retry-After: 3600"));
        using HttpRegistry registry = NewRegistry();
        var e = Assert.ThrowsAsync<RegistryException>(() => FetchAsync(registry, server));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((e.Kind, e.RetryAfter, e.IsTransient), Is.EqualTo((ErrorKind.Unavailable, (TimeSpan?)TimeSpan.FromHours(1), true)));
            Assert.That(e.Message, Does.Contain("3600 seconds"));
            Assert.That(server.Requests, Has.Count.EqualTo(1));
        }
    }

    [Test]
    public async Task ABrokenBodyIsResumedWhereItBroke()
    {
        await using var server = new ScriptedServer(async (request, stream, token) =>
        {
            int from = RangeOf(request);
            if (from > 150_000)
            {
                await PartAsync(stream, from);
                return;
            }
            await HeadAsync(stream, from == 0 ? 200 : 206, $"Content-Length: {Blob.Length - from}", $"Content-Range: bytes {from}-{Blob.Length - 1}/{Blob.Length}");
            await stream.WriteAsync(Blob.AsMemory(from, Math.Min(60_000, Blob.Length - from)), token);
        });
        using HttpRegistry registry = NewRegistry(maxRetries: 1);
        Assert.That(await FetchAsync(registry, server), Is.EqualTo(Blob));
        Assert.That(server.Requests, Has.Count.GreaterThan(3));
    }

    [Test]
    public async Task ABodyThatNeverGoesOnFails()
    {
        await using var server = new ScriptedServer(async (request, stream, token) =>
        {
            int from = RangeOf(request);
            await HeadAsync(stream, from == 0 ? 200 : 206, $"Content-Length: {Blob.Length - from}", $"Content-Range: bytes {from}-{Blob.Length - 1}/{Blob.Length}");
            await stream.WriteAsync(Blob.AsMemory(0, from == 0 ? 100 : 0), token);
        });
        using HttpRegistry registry = NewRegistry(maxRetries: 2);
        Assert.That(() => FetchAsync(registry, server), Fails(ErrorKind.Unavailable));
        Assert.That(server.Requests, Has.Count.EqualTo(3));
    }

    [Test]
    public async Task AnOffsetIsAskedFor()
    {
        await using var server = new ScriptedServer((request, stream, _) => PartAsync(stream, RangeOf(request)));
        using HttpRegistry registry = NewRegistry();
        Assert.That(await FetchAsync(registry, server, 1000), Is.EqualTo(Blob[1000..]));
        Assert.That(await FetchAsync(registry, server, Blob.Length), Is.Empty);
        Assert.That(server.Requests, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task AnIgnoredRangeIsSkipped()
    {
        await using var server = new ScriptedServer((_, stream, _) => PartAsync(stream, 0));
        using HttpRegistry registry = NewRegistry();
        Assert.That(await FetchAsync(registry, server, 150_000), Is.EqualTo(Blob[150_000..]));
    }

    [Test]
    public async Task AnotherRangeThanAskedForIsRefused()
    {
        await using var server = new ScriptedServer((_, stream, _) => RespondAsync(stream, 206, Blob[5..], $"Content-Range: bytes 5-{Blob.Length - 1}/{Blob.Length}"));
        using HttpRegistry registry = NewRegistry();
        Assert.That(() => FetchAsync(registry, server, 1000), Fails(ErrorKind.DataCorrupted));
    }

    [Test]
    public async Task ContentOfAnotherSizeIsRefusedBeforeItIsRead()
    {
        await using var server = new ScriptedServer((_, stream, _) => RespondAsync(stream, 200, [.. Blob, 1]));
        using HttpRegistry registry = NewRegistry();
        Assert.That(() => FetchAsync(registry, server), Fails(ErrorKind.DataCorrupted));
    }

    [Test]
    public async Task NoMoreBytesComeThanTheDescriptorSays()
    {
        await using var server = new ScriptedServer(async (_, stream, token) =>
        {
            await HeadAsync(stream, 200);
            await stream.WriteAsync(Blob, token);
            await stream.WriteAsync(Blob, token);
        });
        using HttpRegistry registry = NewRegistry();
        Assert.That(await FetchAsync(registry, server), Is.EqualTo(Blob));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task AStallEndsInATimeout(bool afterHeaders)
    {
        await using var server = new ScriptedServer(async (_, stream, token) =>
        {
            if (afterHeaders)
                await HeadAsync(stream, 200, $"Content-Length: {Blob.Length}");
            await Task.Delay(Timeout.Infinite, token);
        });
        using HttpRegistry registry = NewRegistry(maxRetries: 1, patienceMilliseconds: 150);
        var e = Assert.ThrowsAsync<RegistryException>(() => FetchAsync(registry, server));
        Assert.That((e.Kind, e.IsTransient), Is.EqualTo((ErrorKind.Timeout, true)));
    }

    [Test]
    public async Task ASlowTransferThatMovesIsNoStall()
    {
        await using var server = new ScriptedServer(async (_, stream, token) =>
        {
            await HeadAsync(stream, 200, "Content-Length: 10");
            for (int i = 0; i < 10; i++)
            {
                await Task.Delay(100, token);
                await stream.WriteAsync(new byte[1], token);
            }
        });
        using HttpRegistry registry = NewRegistry(maxRetries: 0, patienceMilliseconds: 700);
        Assert.That(await FetchAsync(registry, server, what: BlobDescriptor with { Size = 10 }), Has.Length.EqualTo(10));
    }

    [Test]
    public async Task CancellationIsCancellation()
    {
        await using var server = new ScriptedServer((_, _, token) => Task.Delay(Timeout.Infinite, token));
        using HttpRegistry registry = NewRegistry();
        using var cancel = new CancellationTokenSource(100);
        Assert.That(() => registry.ResolveAsync(Reference(server), cancel.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task ATokenIsFetchedAndSentToNoOtherHost()
    {
        await using var storage = new ScriptedServer((_, stream, _) => PartAsync(stream, 0));
        ScriptedServer? self = null;
        await using var server = new ScriptedServer((request, stream, _) => request switch
        {
            { Path: var path } when path.StartsWith("/token", StringComparison.Ordinal) => RespondAsync(stream, 200, """{"token":"s3cret","expires_in":300}"""u8.ToArray()),
            { Headers: var headers } when !headers.ContainsKey("Authorization") =>
                RespondAsync(stream, 401, [], $"WWW-Authenticate: Bearer realm=\"http://{self!.Host}/token?a=b\",service=\"the \\\"service\",scope=\"repository:other:push\""),
            _ => RespondAsync(stream, 307, [], $"Location: http://{storage.Host}/signed?sig=x"),
        });
        self = server;
        using HttpRegistry registry = NewRegistry();
        byte[] first = await FetchAsync(registry, server);
        byte[] second = await FetchAsync(registry, server);
        Request[] tokens = [.. server.Requests.Where(request => request.Path.StartsWith("/token", StringComparison.Ordinal))];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(first, Is.EqualTo(Blob));
            Assert.That(second, Is.EqualTo(Blob));
            Assert.That(tokens, Has.Length.EqualTo(1), "the token is used again");
            Assert.That(tokens[0].Path, Is.EqualTo("/token?a=b&scope=repository%3Ateam%2Fapp%3Apull&service=the%20%22service"));
            Assert.That(server.Requests.Last().Headers["Authorization"], Is.EqualTo("Bearer s3cret"));
            Assert.That(storage.Requests, Has.Count.EqualTo(2).And.All.Matches<Request>(request => !request.Headers.ContainsKey("Authorization")));
        }
    }

    [TestCase(429)]
    [TestCase(503)]
    public async Task ATokenServiceThatIsBusyIsAskedAgain(int status)
    {
        int failures = 2;
        ScriptedServer? self = null;
        await using var server = new ScriptedServer((request, stream, _) => request switch
        {
            { Path: var path } when path.StartsWith("/token", StringComparison.Ordinal) =>
                Interlocked.Decrement(ref failures) >= 0 ? RespondAsync(stream, status, []) : RespondAsync(stream, 200, """{"token":"s3cret"}"""u8.ToArray()),
            { Headers: var headers } when !headers.ContainsKey("Authorization") => RespondAsync(stream, 401, [], $"WWW-Authenticate: Bearer realm=\"http://{self!.Host}/token\""),
            _ => PartAsync(stream, 0),
        });
        self = server;
        using HttpRegistry registry = NewRegistry();
        Assert.That(await FetchAsync(registry, server), Is.EqualTo(Blob));
        Assert.That(server.Requests.Count(request => request.Path.StartsWith("/token", StringComparison.Ordinal)), Is.EqualTo(3));
    }

    [Test]
    public async Task AnotherHostsDemandForATokenIsNotMet()
    {
        await using var foreign = new ScriptedServer((request, stream, _) =>
            RespondAsync(stream, 401, [], $"WWW-Authenticate: Bearer realm=\"http://{request.Headers["Host"]}/token\""));
        await using var server = new ScriptedServer((_, stream, _) => RespondAsync(stream, 307, [], $"Location: http://{foreign.Host}/x"));
        using HttpRegistry registry = NewRegistry();
        Assert.That(() => FetchAsync(registry, server), Fails(ErrorKind.PermissionDenied));
        Assert.That(foreign.Requests.Select(request => request.Path), Is.EqualTo(new[] { "/x" }));
    }

    [TestCase("ftp://somewhere/token")]
    [TestCase("http://user:password@somewhere/token")]
    [TestCase("nonsense")]
    public async Task AStrangeTokenServiceIsNotUsed(string realm)
    {
        await using var server = new ScriptedServer((_, stream, _) => RespondAsync(stream, 401, [], $"WWW-Authenticate: Bearer realm=\"{realm}\""));
        using HttpRegistry registry = NewRegistry();
        Assert.That(() => FetchAsync(registry, server), Fails(ErrorKind.DataCorrupted));
    }

    [Test]
    public async Task AnEndlessTokenIsRefused()
    {
        ScriptedServer? self = null;
        await using var server = new ScriptedServer(async (request, stream, token) =>
        {
            if (!request.Path.StartsWith("/token", StringComparison.Ordinal))
            {
                await RespondAsync(stream, 401, [], $"WWW-Authenticate: Bearer realm=\"http://{self!.Host}/token\"");
                return;
            }
            await HeadAsync(stream, 200);
            await stream.WriteAsync("{\"token\":\""u8.ToArray(), token);
            while (true)
                await stream.WriteAsync(Encoding.ASCII.GetBytes(new string('x', 65536)), token);
        });
        self = server;
        using HttpRegistry registry = NewRegistry();
        Assert.That(() => FetchAsync(registry, server), Fails(ErrorKind.DataCorrupted));
    }

    [Test]
    public async Task RedirectsEnd()
    {
        await using var server = new ScriptedServer((request, stream, _) => RespondAsync(stream, 302, [], $"Location: {request.Path}x"));
        await using var strange = new ScriptedServer((_, stream, _) => RespondAsync(stream, 302, [], "Location: file:///etc/passwd"));
        using HttpRegistry registry = NewRegistry();
        Assert.That(() => FetchAsync(registry, server), Fails(ErrorKind.DataCorrupted));
        Assert.That(() => FetchAsync(registry, strange), Fails(ErrorKind.DataCorrupted));
        Assert.That(server.Requests, Has.Count.EqualTo(11));
    }

    [Test]
    public async Task PlainHttpWhereTlsIsExpectedIsSaid()
    {
        await using var server = new ScriptedServer((_, stream, _) => RespondAsync(stream, 200, []));
        await using var talkative = new RawServer("HTTP/1.0 400 Bad Request\r\n\r\n"u8.ToArray());
        using var registry = new HttpRegistry();
        var e = Assert.ThrowsAsync<RegistryException>(() => registry.ResolveAsync(ImageReference.Parse($"{talkative.Host}/team/app:1")));
        Assert.That(e.Kind, Is.EqualTo(ErrorKind.Unavailable));
        Assert.That(e.Message, Does.Contain("speaks plain HTTP").And.Contain(talkative.Host).And.Contain("plain HTTP hosts"));
        Assert.That(server.Requests, Is.Empty);
    }

    [Test]
    public async Task TlsWherePlainHttpIsExpectedIsSaid()
    {
        using RSA key = RSA.Create(2048);
        using X509Certificate2 certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        await using var server = new RawServer(async stream =>
        {
            await using var tls = new SslStream(stream);
            await tls.AuthenticateAsServerAsync(certificate);
        });
        // RFC 8446 §6: a fatal alert, unexpected_message.
        await using var alerting = new RawServer([0x15, 3, 1, 0, 2, 2, 10]);
        using HttpRegistry plain = NewRegistry();
        var e = Assert.ThrowsAsync<RegistryException>(() => plain.ResolveAsync(ImageReference.Parse($"{alerting.Host}/team/app:1")));
        Assert.That(e.Message, Does.Contain("the server speaks TLS"));
        using var secure = new HttpRegistry();
        e = Assert.ThrowsAsync<RegistryException>(() => secure.ResolveAsync(ImageReference.Parse($"{server.Host}/team/app:1")));
        Assert.That(e.Message, Does.Contain("certificate"));
    }

    [Test]
    public void AnUnreachableRegistryIsNamed()
    {
        using var gone = new TcpListener(IPAddress.Loopback, 0);
        gone.Start();
        string host = $"127.0.0.1:{((IPEndPoint)gone.LocalEndpoint).Port}";
        gone.Stop();
        using HttpRegistry registry = NewRegistry();
        var e = Assert.ThrowsAsync<RegistryException>(() => registry.ResolveAsync(ImageReference.Parse($"{host}/team/app:1")));
        Assert.That((e.Kind, e.StatusCode), Is.EqualTo((ErrorKind.Unavailable, (HttpStatusCode?)null)));
        Assert.That(e.Message, Does.Contain($"{host} cannot be reached").And.Contain($"{host}/team/app:1"));
    }

    [Test]
    public async Task ForeignUrlsAreNeverFollowed()
    {
        await using var foreign = new ScriptedServer((_, stream, _) => PartAsync(stream, 0));
        await using var server = new ScriptedServer((_, stream, _) => RespondAsync(stream, 404, []));
        using HttpRegistry registry = NewRegistry();
        Assert.That(() => FetchAsync(registry, server, what: BlobDescriptor with { Urls = [$"http://{foreign.Host}/blob"] }), Fails(ErrorKind.NotFound));
        Assert.That(foreign.Requests, Is.Empty);
    }

    [Test]
    public async Task ANameWithoutTagOrDigestCannotBeResolved()
    {
        await using var server = new ScriptedServer((_, stream, _) => RespondAsync(stream, 200, []));
        using HttpRegistry registry = NewRegistry();
        Assert.That(() => registry.ResolveAsync(ImageReference.Parse($"{server.Host}/team/app")), Fails(ErrorKind.InvalidArgument));
    }

    /// <summary>A server below HTTP.</summary>
    private sealed class RawServer : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly Task _serving;

        public RawServer(byte[] answer)
            : this(stream => stream.WriteAsync(answer).AsTask())
        {
        }

        public RawServer(Func<Stream, Task> answer)
        {
            _listener.Start();
            _serving = ServeAsync(answer);
        }

        public string Host => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

        public async ValueTask DisposeAsync()
        {
            _listener.Stop();
            await _serving;
        }

        private async Task ServeAsync(Func<Stream, Task> answer)
        {
            while (true)
            {
                try
                {
                    using TcpClient client = await _listener.AcceptTcpClientAsync();
                    NetworkStream stream = client.GetStream();
                    await answer(stream);
                    client.Client.Shutdown(SocketShutdown.Send);
                    await stream.CopyToAsync(Stream.Null);
                }
                catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException)
                {
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
                {
                    return;
                }
            }
        }
    }
}
