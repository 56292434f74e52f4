using Containerd.Conformance;

namespace Containerd.Network.Tests;

[TestFixture]
[RequiresRoot]
public sealed class NetworkNamespaceTests
{
    private string _directory = null!;

    [SetUp]
    public void SetUp() => _directory = Path.Join(Path.GetTempPath(), "netns-" + Guid.NewGuid().ToString("N"));

    [TearDown]
    public async Task TearDownAsync()
    {
        if (!Directory.Exists(_directory))
            return;
        foreach (string name in NetworkNamespace.List(_directory))
            await NetworkSandbox.RunAsync("umount", Path.Join(_directory, name));
        // The directory is a mount point of its own since the first name.
        await NetworkSandbox.RunAsync("umount", _directory);
        Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public async Task A_created_namespace_is_another_one_with_its_loopback_up_and_disposal_deletes_the_name()
    {
        string path;
        await using (NetworkNamespace made = await NetworkNamespace.CreateAsync("job-42", _directory))
        {
            path = made.Path;
            Assert.That(path, Is.EqualTo(Path.Join(_directory, "job-42")));
            await using NetworkNamespace current = NetworkNamespace.OpenCurrent();
            Assert.That(made.Identity, Is.Not.EqualTo(current.Identity));
            await using NetworkNamespace opened = NetworkNamespace.OpenNamed("job-42", _directory);
            Assert.That(opened.Identity, Is.EqualTo(made.Identity));
            await using var client = new RouteNetlinkClient(opened);
            Assert.That((await client.Links.ListAsync()).Single(link => link.Name == "lo").IsUp);
            Assert.That(NetworkNamespace.List(_directory), Is.EqualTo(new[] { "job-42" }));
        }
        Assert.That(File.Exists(path), Is.False);
        Assert.That(NetworkNamespace.List(_directory), Is.Empty);
    }

    [Test]
    public async Task Disposing_an_opened_namespace_keeps_the_name()
    {
        await using NetworkNamespace made = await NetworkNamespace.CreateAsync("kept", _directory, loopbackUp: false);
        await NetworkNamespace.OpenNamed("kept", _directory).DisposeAsync();
        Assert.That(NetworkNamespace.List(_directory), Is.EqualTo(new[] { "kept" }));
    }

    [Test]
    public async Task A_taken_name_is_AlreadyExists_and_keeps_its_namespace()
    {
        await using NetworkNamespace made = await NetworkNamespace.CreateAsync("twice", _directory);
        Assert.That(() => NetworkNamespace.CreateAsync("twice", _directory), Throws.OfKind(ErrorKind.AlreadyExists));
        await using NetworkNamespace opened = NetworkNamespace.OpenNamed("twice", _directory);
        Assert.That(opened.Identity, Is.EqualTo(made.Identity));
    }

    [Test]
    public async Task Of_many_that_create_one_name_exactly_one_wins()
    {
        Task<NetworkNamespace?>[] racers = [.. Enumerable.Range(0, 16).Select(async _ =>
        {
            try
            {
                return await NetworkNamespace.CreateAsync("race", _directory);
            }
            catch (ContainerdException e) when (e.Kind == ErrorKind.AlreadyExists)
            {
                return null;
            }
        })];
        NetworkNamespace?[] made = await Task.WhenAll(racers);
        NetworkNamespace winner = made.OfType<NetworkNamespace>().Single();
        await winner.DisposeAsync();
        Assert.That(NetworkNamespace.List(_directory), Is.Empty, "no second mount lay beneath");
    }

    [Test]
    public async Task A_leftover_of_a_crash_is_not_listed_and_is_replaced()
    {
        Directory.CreateDirectory(_directory);
        await File.WriteAllBytesAsync(Path.Join(_directory, "crashed"), []);
        Assert.That(NetworkNamespace.List(_directory), Is.Empty);
        Assert.That(() => NetworkNamespace.OpenNamed("crashed", _directory), Throws.OfKind(ErrorKind.InvalidArgument));
        await using NetworkNamespace made = await NetworkNamespace.CreateAsync("crashed", _directory);
        Assert.That(NetworkNamespace.List(_directory), Is.EqualTo(new[] { "crashed" }));
    }

    [Test]
    public async Task What_is_no_namespace_is_neither_replaced_nor_deleted()
    {
        Directory.CreateDirectory(Path.Join(_directory, "folder"));
        await File.WriteAllTextAsync(Path.Join(_directory, "file"), "precious");
        string victim = Path.Join(_directory, "victim.txt");
        await File.WriteAllBytesAsync(victim, []);
        File.CreateSymbolicLink(Path.Join(_directory, "symlink"), victim);
        foreach (string name in new[] { "folder", "file", "symlink" })
        {
            Assert.That(() => NetworkNamespace.CreateAsync(name, _directory), Throws.OfKind(ErrorKind.FailedPrecondition), name);
            Assert.That(() => NetworkNamespace.DeleteAsync(name, _directory), Throws.OfKind(ErrorKind.FailedPrecondition), name);
        }
        Assert.That(await File.ReadAllTextAsync(Path.Join(_directory, "file")), Is.EqualTo("precious"));
        Assert.That(File.Exists(victim));
    }

    [Test]
    public async Task Deleting_is_idempotent_and_the_namespace_lives_while_it_is_open()
    {
        await using NetworkNamespace made = await NetworkNamespace.CreateAsync("gone", _directory);
        await NetworkNamespace.DeleteAsync("gone", _directory);
        await NetworkNamespace.DeleteAsync("gone", _directory);
        await NetworkNamespace.DeleteAsync("never", Path.Join(_directory, "no-such-directory"));
        await using var client = new RouteNetlinkClient(made);
        Assert.That(await client.Links.ListAsync(), Is.Not.Empty);
    }

    [Test]
    public async Task Disposal_leaves_a_name_alone_that_another_namespace_got()
    {
        NetworkNamespace first = await NetworkNamespace.CreateAsync("name", _directory);
        await NetworkNamespace.DeleteAsync("name", _directory);
        await using NetworkNamespace second = await NetworkNamespace.CreateAsync("name", _directory);
        await first.DisposeAsync();
        await using NetworkNamespace opened = NetworkNamespace.OpenNamed("name", _directory);
        Assert.That(opened.Identity, Is.EqualTo(second.Identity));
    }

    [TestCase("")]
    [TestCase("../escape")]
    [TestCase("a/b")]
    [TestCase(".hidden")]
    [TestCase("a..b")]
    [TestCase("line\n")]
    [TestCase("nul\0")]
    public void Malformed_names_are_refused(string name)
    {
        Assert.That(() => NetworkNamespace.CreateAsync(name, _directory), Throws.OfKind(ErrorKind.InvalidArgument));
        Assert.That(() => NetworkNamespace.DeleteAsync(name, _directory), Throws.OfKind(ErrorKind.InvalidArgument));
        Assert.That(Directory.Exists(_directory), Is.False);
    }

    [Test]
    public async Task An_anonymous_namespace_has_a_path_and_a_process_its_own()
    {
        await using NetworkNamespace anonymous = await NetworkNamespace.CreateAnonymousAsync();
        await using NetworkNamespace again = NetworkNamespace.Open(anonymous.Path);
        Assert.That(again.Identity, Is.EqualTo(anonymous.Identity));
        await using NetworkNamespace ours = NetworkNamespace.OpenProcess(Environment.ProcessId);
        await using NetworkNamespace current = NetworkNamespace.OpenCurrent();
        Assert.That(ours.Identity, Is.EqualTo(current.Identity));
    }

    [Test]
    [RequiresProgram("mkfifo")]
    public async Task Only_a_network_namespace_is_opened()
    {
        Directory.CreateDirectory(_directory);
        string fifo = Path.Join(_directory, "fifo");
        await NetworkSandbox.RunAsync("mkfifo", fifo);
        Assert.That(() => NetworkNamespace.Open(fifo), Throws.OfKind(ErrorKind.InvalidArgument), "and without blocking");
        Assert.That(() => NetworkNamespace.Open("/proc/self/ns/mnt"), Throws.OfKind(ErrorKind.InvalidArgument));
        Assert.That(() => NetworkNamespace.Open(Path.Join(_directory, "none")), Throws.OfKind(ErrorKind.NotFound));
        Assert.That(() => NetworkNamespace.OpenProcess(int.MaxValue), Throws.OfKind(ErrorKind.NotFound));
    }

    [Test]
    public async Task Cancellation_leaves_no_name()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        Assert.That(() => NetworkNamespace.CreateAsync("never", _directory, cancellationToken: cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(NetworkNamespace.List(_directory), Is.Empty);
    }

    [Test]
    [RequiresProgram("ip")]
    [RequiresProgram("unshare")]
    public async Task The_ip_program_sees_and_deletes_our_names_and_we_its()
    {
        // A mount namespace in which the program finds our directory where it looks; what it mounts and unmounts there reaches us,
        // as it would between any two mount namespaces, and the machine's own directory of names is not touched.
        await using NetworkNamespace made = await NetworkNamespace.CreateAsync("ours", _directory);
        string script = $"""
            mount --make-private /
            mount --make-private /run || :
            mount -t tmpfs none /run
            mkdir /run/netns
            mount --rbind '{_directory}' /run/netns
            ip netns list
            ip netns exec ours ip -br link
            ip netns add theirs
            ip netns delete ours
            """;
        (int exit, string output) = await NetworkSandbox.RunAsync("unshare", "--mount", "--propagation", "unchanged", "sh", "-ec", script);
        Assert.That(exit, Is.Zero, output);
        Assert.That(output, Does.Contain("ours").And.Contain("lo"));
        Assert.That(NetworkNamespace.List(_directory), Is.EqualTo(new[] { "theirs" }));
        await using (NetworkNamespace theirs = NetworkNamespace.OpenNamed("theirs", _directory))
            Assert.That(theirs.Identity, Is.Not.EqualTo(made.Identity));
        await NetworkNamespace.DeleteAsync("theirs", _directory);
        Assert.That(Directory.EnumerateFileSystemEntries(_directory), Is.Empty);
    }

    [Test]
    public async Task No_thread_of_this_process_is_left_in_another_namespace()
    {
        string home = ReadLink("/proc/self/ns/net");
        for (int round = 0; round < 100; round++)
        {
            await using NetworkNamespace anonymous = await NetworkNamespace.CreateAnonymousAsync();
            await using var client = new RouteNetlinkClient(anonymous);
            await client.Links.ListAsync();
            string[] seen = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => ReadLink("/proc/thread-self/ns/net"))));
            Assert.That(seen, Is.All.EqualTo(home));
        }
        string[] threads = [.. Directory.EnumerateDirectories("/proc/self/task").Select(task => ReadLink(task + "/ns/net")).Where(link => link.Length > 0)];
        Assert.That(threads, Has.Length.GreaterThan(2).And.All.EqualTo(home));
    }

    // A thread may end between being listed and being looked at.
    private static string ReadLink(string path) =>
        new FileInfo(path).LinkTarget ?? "";
}
