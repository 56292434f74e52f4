using System.Net;
using System.Net.Sockets;
using Containerd.Conformance;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Network.Tests;

[TestFixture]
[RequiresRoot]
public sealed class RouteNetlinkClientTests
{
    private NetworkSandbox _sandbox = null!;

    [SetUp]
    public async Task SetUpAsync() => _sandbox = await NetworkSandbox.CreateAsync();

    [TearDown]
    public async Task TearDownAsync() => await _sandbox.DisposeAsync();

    [Test]
    public async Task Many_requests_at_once_each_get_their_own_answer()
    {
        for (int i = 0; i < 20; i++)
            await _sandbox.LeftClient.Links.CreateBridgeAsync(new Bridge("br" + i));
        await Parallel.ForEachAsync(Enumerable.Range(0, 5000), new ParallelOptions { MaxDegreeOfParallelism = 200 }, async (i, token) =>
        {
            string name = "br" + (i % 25);
            Link? found = i % 50 == 49
                ? (await _sandbox.LeftClient.Links.ListAsync(cancellationToken: token)).SingleOrDefault(link => link.Name == name)
                : await _sandbox.LeftClient.Links.FindAsync(name, token);
            Assert.That(found?.Name, Is.EqualTo(i % 25 < 20 ? name : null));
        });
    }

    [Test]
    public async Task A_list_under_churn_is_whole()
    {
        for (int i = 0; i < 100; i++)
            await _sandbox.LeftClient.Links.CreateVethAsync(new VethPair("stay" + i) { PeerName = "p" + i, PeerNamespace = _sandbox.Right });
        using var stop = new CancellationTokenSource();
        await using var other = new RouteNetlinkClient(_sandbox.Left);
        Task churn = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await other.Links.CreateBridgeAsync(new Bridge("churn"));
                await other.Links.DeleteAsync("churn");
            }
        });
        using var interruptions = new EventCounter(eventId: 5002);
        await using var reader = new RouteNetlinkClient(_sandbox.Left, interruptions);
        for (int round = 0; round < 200 || (interruptions.Count == 0 && round < 5000); round++)
        {
            IReadOnlyList<Link> links = await reader.Links.ListAsync();
            Assert.That(links.Count(link => link.Name.StartsWith("stay", StringComparison.Ordinal)), Is.EqualTo(100));
            Assert.That(links.Select(link => link.Index), Is.Unique);
        }
        await stop.CancelAsync();
        await churn;
        Assert.That(interruptions.Count, Is.Positive, "or nothing was shown");
    }

    [Test]
    public async Task An_interruption_told_only_at_the_end_of_a_list_counts()
    {
        var pending = new PendingRequest(isDump: true);
        var writer = new NetlinkMessageWriter(MessageType.Done, NetlinkFlags.DumpInterrupted);
        writer.WriteHeader(0);
        byte[] done = writer.ToArray();
        var messages = new NetlinkMessageReader(done);
        messages.MoveNext();
        bool complete = pending.Accept(messages.Header, messages.Message);
        NetlinkReply reply = await pending.Completion;
        Assert.That(complete && reply.IsInterrupted, "DONE carries the flag, too");
    }

    [Test]
    public async Task A_cancelled_list_leaves_the_connection_in_step()
    {
        for (int i = 0; i < 50; i++)
            await _sandbox.LeftClient.Links.CreateBridgeAsync(new Bridge("br" + i) { IsUp = false });
        int cancelled = 0;
        for (int i = 0; i < 300; i++)
        {
            using var source = new CancellationTokenSource();
            Task<IReadOnlyList<Link>> list = _sandbox.LeftClient.Links.ListAsync(cancellationToken: source.Token);
            await source.CancelAsync();
            try
            {
                await list;
            }
            catch (OperationCanceledException)
            {
                cancelled++;
            }
            Assert.That((await _sandbox.LeftClient.Links.GetAsync("br" + (i % 50))).Name, Is.EqualTo("br" + (i % 50)));
        }
        Assert.That(cancelled, Is.Positive);
        Assert.That(await _sandbox.LeftClient.Links.ListAsync(), Has.Count.EqualTo(51));
    }

    [Test]
    public async Task A_cancelled_creation_makes_nothing()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        Assert.That(() => _sandbox.LeftClient.Links.CreateBridgeAsync(new Bridge("br0"), cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await _sandbox.LeftClient.Links.FindAsync("br0"), Is.Null);
    }

    [Test]
    public async Task A_list_longer_than_any_buffer_is_whole()
    {
        for (int i = 0; i < 400; i++)
            await _sandbox.LeftClient.Links.CreateVethAsync(new VethPair("v" + i) { PeerName = "w" + i, Alias = new string('x', 200), Group = 12345 });
        IReadOnlyList<Link> links = await _sandbox.LeftClient.Links.ListAsync();
        Assert.That(links, Has.Count.EqualTo(801));
        await _sandbox.LeftClient.Links.DeleteGroupAsync(12345);
    }

    [Test]
    public async Task What_other_processes_send_to_the_socket_is_dropped()
    {
        RouteNetlinkConnection connection = await _sandbox.LeftClient.ConnectAsync(default);
        using SafeFileHandle inside = _sandbox.Left.Duplicate();
        using var attacker = new Socket(Interop.OpenRouteSocket(inside, "left"));
        var victim = new SocketAddress(AddressFamily.Unspecified, 12);
        victim.Buffer.Span.Clear();
        victim.Buffer.Span[0] = 16;
        BitConverter.TryWriteBytes(victim.Buffer.Span[4..], connection.Port);
        byte[] garbage = new byte[64];
        garbage.AsSpan().Fill(0xff);
        int sent = 0;
        for (int i = 0; i < 50; i++)
        {
            sent += await attacker.SendToAsync(garbage, SocketFlags.None, victim);
            Assert.That((await _sandbox.LeftClient.Links.GetAsync("lo")).Index, Is.EqualTo(1));
        }
        Assert.That(sent, Is.EqualTo(50 * 64));
        Assert.That(await _sandbox.LeftClient.ConnectAsync(default), Is.SameAs(connection), "garbage from the kernel would have broken it");
    }

    [Test]
    public async Task A_broken_connection_fails_what_is_under_way_and_is_replaced()
    {
        RouteNetlinkConnection connection = await _sandbox.LeftClient.ConnectAsync(default);
        connection.Break(new ContainerdException(ErrorKind.Unavailable, "The socket overran."));
        Assert.That(() => connection.RequestAsync(new NetlinkMessageWriter(MessageType.GetLink, NetlinkFlags.None).ToArray(), default),
            Throws.OfKind(ErrorKind.Unavailable));
        Assert.That((await _sandbox.LeftClient.Links.GetAsync("lo")).Index, Is.EqualTo(1));
        Assert.That(await _sandbox.LeftClient.ConnectAsync(default), Is.Not.SameAs(connection));
    }

    [Test]
    public async Task A_disposed_client_says_so_and_requests_under_way_end()
    {
        var client = new RouteNetlinkClient(_sandbox.Left);
        await client.Links.GetAsync("lo");
        await client.DisposeAsync();
        await client.DisposeAsync();
        Assert.That(() => client.Links.GetAsync("lo"), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public async Task A_client_keeps_working_when_the_namespace_object_is_disposed()
    {
        NetworkNamespace shortLived = await NetworkNamespace.CreateAnonymousAsync();
        await using var client = new RouteNetlinkClient(shortLived);
        await shortLived.DisposeAsync();
        Assert.That((await client.Links.GetAsync("lo")).IsUp);
        Assert.That(() => new RouteNetlinkClient(shortLived), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public async Task A_client_without_a_namespace_reads_that_of_the_process()
    {
        await using var client = new RouteNetlinkClient();
        Assert.That((await client.Links.GetAsync(1)).Name, Is.EqualTo("lo"));
    }
}
