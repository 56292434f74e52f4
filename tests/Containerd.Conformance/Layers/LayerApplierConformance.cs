using System.Diagnostics;
using System.IO.Compression;

namespace Containerd.Conformance;

/// <summary>What every <see cref="ILayerApplier"/> does, whatever the mounts: subclass it once per implementation and form of tree.</summary>
/// <remarks>
/// Runs as root, with GNU find, tar and stat and, for <see cref="LayerTreeForm.Overlay"/>, mount(8) and overlayfs. Works in a directory of its own under the
/// temporary directory, whose file system has user attributes and ACLs.
/// </remarks>
/// <param name="form">The mounts that layers are applied to.</param>
/// <example>
/// <code>
/// [TestFixture(LayerTreeForm.Bind)]
/// [TestFixture(LayerTreeForm.Overlay)]
/// public sealed class MyApplierTests(LayerTreeForm form) : LayerApplierConformance(form)
/// {
///     protected override ILayerApplier CreateApplier() => new MyApplier();
/// }
/// </code>
/// </example>
[RequiresRoot]
[RequiresProgram("find")]
[RequiresProgram("tar")]
[RequiresProgram("stat")]
[RequiresProgram("mount")]
[RequiresFileSystem("overlay")]
public abstract partial class LayerApplierConformance(LayerTreeForm form)
{
    private string _scratch = "";
    private int _layers;

    /// <summary>The applier under test; with a mounter where the form is <see cref="LayerTreeForm.Mounted"/>.</summary>
    protected abstract ILayerApplier CreateApplier();

    /// <summary>A directory outside all trees, whose content no layer may reach.</summary>
    protected string Outside => Path.Join(_scratch, "outside");

    /// <summary>Makes the scratch directory.</summary>
    [SetUp]
    public void MakeScratch()
    {
        _layers = 0;
        _scratch = Directory.CreateTempSubdirectory("layer-").FullName;
        Directory.CreateDirectory(Outside);
        File.WriteAllText(Path.Join(Outside, "secret"), "untouched");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(Path.Join(Outside, "secret"), UnixFileMode.UserRead);
    }

    /// <summary>Checks that nothing outside was touched and removes the scratch directory.</summary>
    [TearDown]
    public void RemoveScratch()
    {
        try
        {
            Assert.That(TreeFile.ReadAll(Outside).Select(file => $"{file} {Convert.ToString(file.Mode, 8)}"), Is.EqualTo((string[])["secret=untouched 400"]));
        }
        finally
        {
            Run("rm", ["-rf", "--one-file-system", _scratch]); // the BCL cannot delete names that are not UTF-8
        }
    }

    /// <summary>Applies layers one above the other and gives the tree and what the last of them reported.</summary>
    /// <param name="layers">The archives, lowest first.</param>
    protected async Task<(IReadOnlyList<TreeFile> Tree, LayerApplyResult Result)> ApplyAsync(params byte[][] layers)
    {
        LayerApplyResult? result = null;
        foreach (byte[] layer in layers)
            result = await ApplyLayerAsync(new MemoryStream(layer), layer.Length);
        return (ReadTree(), result!);
    }

    /// <summary>Applies one more layer.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="size">Its size.</param>
    /// <param name="progress">Told the compressed bytes.</param>
    /// <param name="cancellationToken">Stops it.</param>
    protected Task<LayerApplyResult> ApplyLayerAsync(
        Stream layer, long size, IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        IReadOnlyList<Mount> mounts = NextMounts();
        var descriptor = new Descriptor { MediaType = MediaTypes.DockerLayer, Digest = Digest.Sha256("a layer"u8), Size = size };
        return CreateApplier().ApplyAsync(descriptor, layer, mounts, progress, cancellationToken);
    }

    /// <summary>The names, types, targets and contents of files in the notation of <see cref="TreeFile"/>.</summary>
    /// <param name="layers">The archives, lowest first.</param>
    protected async Task<string[]> NamesAsync(params TarBuilder[] layers) =>
        [.. (await ApplyAsync([.. layers.Select(layer => layer.ToArray())])).Tree.Select(file => file.ToString())];

    /// <summary>Applies layers of which the last must be refused.</summary>
    /// <param name="kind">Why.</param>
    /// <param name="layers">The archives, lowest first.</param>
    protected async Task RefusesAsync(ErrorKind kind, params TarBuilder[] layers)
    {
        foreach (TarBuilder layer in layers[..^1])
            await ApplyAsync(layer.ToArray());
        ContainerdException? refused = Assert.ThrowsAsync<ContainerdException>(() => ApplyAsync(layers[^1].ToArray()));
        Assert.That(refused!.Kind, Is.EqualTo(kind), refused.Message);
    }

    private string Layer(int number, string part) => Directory.CreateDirectory(Path.Join(_scratch, $"{number}", part)).FullName;

    private IReadOnlyList<Mount> NextMounts()
    {
        if (form == LayerTreeForm.Bind)
            return [Mount.Bind(Layer(0, "tree"))];
        if (form == LayerTreeForm.Mounted)
        {
            Layer(0, "tree/.aside");
            return [Mount.Bind(Layer(0, "tree")), Mount.Bind(Layer(0, "aside")) with { Target = "/.aside" }];
        }
        _layers++;
        if (_layers == 1)
            Layer(0, "upper"); // an overlay has at least one lower directory: an empty one
        return [Overlay(_layers).ToMount()];
    }

    private OverlayMount Overlay(int top) => new()
    {
        LowerDirectories = [.. Enumerable.Range(0, top).Reverse().Select(number => Layer(number, "upper"))],
        UpperDirectory = Layer(top, "upper"),
        WorkDirectory = Layer(top, "work"),
    };

    /// <summary>The whole tree as a container would see it.</summary>
    protected IReadOnlyList<TreeFile> ReadTree() => InTree(root => TreeFile.ReadAll(root).Where(file => file.Path != ".aside").ToList());

    /// <summary>Everything that find and tar tell about one file of the tree (<see cref="TreeSnapshot"/>).</summary>
    /// <param name="path">Its path in the tree.</param>
    protected string Describe(string path) =>
        InTree(root => string.Join('\n', TreeSnapshot.Describe(root).Where(line => ((string[])[$"{path} ", $"./{path} ", $"./{path}/ "]).Any(line.StartsWith))));

    private T InTree<T>(Func<string, T> look)
    {
        if (form != LayerTreeForm.Overlay)
            return look(Layer(0, "tree"));
        string target = Layer(0, "mounted");
        Run("mount", ["-t", "overlay", "overlay", "-o", string.Join(',', Overlay(_layers).ToMount().Options), target]);
        try
        {
            return look(target);
        }
        finally
        {
            Run("umount", [target]);
        }
    }

    private static void Run(string program, string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, program);
    }

    /// <summary>Every type of entry arrives with its owner, mode, time and content.</summary>
    [Test]
    public async Task EveryTypeOfEntry()
    {
        var options = new TarEntryOptions { Uid = 12, Gid = 3_000_000_000, ModifyTime = 1_234_567_890 };
        byte[] archive = new TarBuilder()
            .Directory("d", options with { Mode = 0x3FF })
            .File("d/setuid", "x", options with { Mode = 0x9ED })
            .SymbolicLink("d/link", "../d/setuid", options)
            .HardLink("d/hard", "d/setuid", options with { Mode = 0x9ED })
            .Fifo("d/fifo", options with { Mode = 0x1B6 })
            .ToArray();
        (IReadOnlyList<TreeFile> tree, LayerApplyResult result) = await ApplyAsync(archive);
        Assert.Multiple(() =>
        {
            Assert.That(tree.Select(file => file.ToString()), Is.EqualTo((string[])["d/", "p:d/fifo", "d/hard=x", "d/link->../d/setuid", "d/setuid=x"]));
            Assert.That(tree.Select(file => file.Mode), Is.EqualTo((int[])[0x3FF, 0x1B6, 0x9ED, 0x1FF, 0x9ED]));
            Assert.That(tree, Has.All.Matches<TreeFile>(file => file is { Uid: 12, Gid: 3_000_000_000 }));
            Assert.That(tree, Has.All.Matches<TreeFile>(file => file.ModifyTime.StartsWith("1234567890.00", StringComparison.Ordinal)));
            Assert.That(tree[2].Inode, Is.EqualTo(tree[4].Inode));
            Assert.That(result.Entries, Is.EqualTo(5));
            Assert.That(result.DiffId, Is.EqualTo(Digest.Sha256(archive)));
            Assert.That(result.Size, Is.EqualTo(archive.Length));
            Assert.That(result.DependsOnBase, Is.False);
        });
    }

    /// <summary>An empty stream is an empty layer .</summary>
    [Test]
    public async Task EmptyStream()
    {
        (IReadOnlyList<TreeFile> tree, LayerApplyResult result) = await ApplyAsync((byte[])[]);
        Assert.That(tree, Is.Empty);
        Assert.That(result, Is.EqualTo(new LayerApplyResult { DiffId = Digest.Sha256([]), Size = 0, Entries = 0, DependsOnBase = false }));
    }

    /// <summary>What stands behind the archive's end counts in the diff ID .</summary>
    [Test]
    public async Task PaddingBehindTheEndCounts()
    {
        byte[] archive = [.. new TarBuilder().File("f", "x").ToArray(), .. new byte[10240], 1, 2, 3];
        (_, LayerApplyResult result) = await ApplyAsync(archive);
        Assert.That(result.DiffId, Is.EqualTo(Digest.Sha256(archive)));
    }

    /// <summary>A compressed layer is recognised by its bytes; progress counts the compressed ones.</summary>
    [Test]
    public async Task GzipIsSniffed()
    {
        byte[] archive = new TarBuilder().File("f", new string('x', 100_000)).ToArray();
        var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(archive);
        compressed.Position = 0;
        var progress = new LastValue();
        LayerApplyResult result = await ApplyLayerAsync(compressed, compressed.Length, progress);
        Assert.That(result.DiffId, Is.EqualTo(Digest.Sha256(archive)));
        Assert.That(progress.Value, Is.EqualTo(compressed.Length));
    }

    /// <summary>The root, however it is written, is no entry .</summary>
    [Test]
    public async Task RootEntriesAreIgnored() =>
        Assert.That(await NamesAsync(new TarBuilder().Directory("./").Directory("/").Directory("..").File("../../f", "x")), Is.EqualTo((string[])["f=x"]));

    /// <summary>Nothing but a directory merges with a directory; all else is replaced .</summary>
    [Test]
    public async Task Replacing()
    {
        string[] names = await NamesAsync(
            new TarBuilder().Directory("d").File("d/old", "1").Directory("t").File("t/gone").File("f", "1").SymbolicLink("l", "d").SymbolicLink("m", "d"),
            new TarBuilder().Directory("d").File("d/new", "2").File("t", "2").Directory("f").File("l", "2").Directory("m").File("m/x"));
        Assert.That(names, Is.EqualTo((string[])["d/", "d/new=2", "d/old=1", "f/", "l=2", "m/", "m/x=", "t=2"]));
    }

    /// <summary>A directory that stands in place of a file of the same layer does not show what the layers beneath have there.</summary>
    [Test]
    public async Task DirectoryAfterFileHidesTheLowerDirectory() => Assert.That(
        await NamesAsync(new TarBuilder().Directory("d").File("d/low"), new TarBuilder().File("d", "x").Directory("d").File("d/up")),
        Is.EqualTo((string[])["d/", "d/up="]));

    /// <summary>A path leads through symbolic links, absolute ones too, inside the tree, also those of lower layers (containerd #12683).</summary>
    [Test]
    public async Task LinksOnThePathAreResolvedInside() => Assert.That(
        await NamesAsync(
            new TarBuilder().Directory("run").Directory("var").SymbolicLink("var/run", "/run").SymbolicLink("up", "../../../../run"),
            new TarBuilder().File("var/run/a", "1").File("up/b", "2")),
        Is.EqualTo((string[])["run/", "run/a=1", "run/b=2", "up->../../../../run", "var/", "var/run->/run"]));

    /// <summary>Parents that no layer describes are made with mode 0755 and reported .</summary>
    [Test]
    public async Task MissingParents()
    {
        (IReadOnlyList<TreeFile> tree, LayerApplyResult result) = await ApplyAsync(new TarBuilder().File("a/b/f", "x").ToArray());
        Assert.That(tree.Select(file => file.ToString()), Is.EqualTo((string[])["a/", "a/b/", "a/b/f=x"]));
        Assert.That(tree[0].Mode, Is.EqualTo(0x1ED));
        Assert.That(result.DependsOnBase, Is.True);
    }

    /// <summary>Parents that only a lower layer describes keep owner, mode and time .</summary>
    [Test]
    public async Task ParentsOfLowerLayersKeepTheirAttributes()
    {
        (IReadOnlyList<TreeFile> tree, LayerApplyResult result) = await ApplyAsync(
            new TarBuilder().Directory("a", new TarEntryOptions { Mode = 0x1C7, Uid = 7, Gid = 8 }).File("a/low").ToArray(),
            new TarBuilder().File("a/up").ToArray());
        Assert.That(tree[0], Has.Property("Mode").EqualTo(0x1C7).And.Property("Uid").EqualTo(7).And.Property("Gid").EqualTo(8));
        Assert.That(tree[0].ModifyTime, Does.StartWith("1000000000.00"));
        Assert.That(tree.Select(file => file.ToString()), Is.EqualTo((string[])["a/", "a/low=", "a/up="]));
        Assert.That(result.DependsOnBase, Is.True);
    }

    /// <summary>A hard link to a file of a lower layer is that file, with its owner and mode .</summary>
    [Test]
    public async Task HardLinkIntoALowerLayer()
    {
        var options = new TarEntryOptions { Uid = 5, Gid = 6, Mode = 0x1A0 };
        (IReadOnlyList<TreeFile> tree, LayerApplyResult result) = await ApplyAsync(
            new TarBuilder().Directory("low").File("low/f", "data", options).ToArray(),
            new TarBuilder().Directory("up").HardLink("up/g", "low/f", options).ToArray());
        Assert.That(tree.Select(file => file.ToString()), Is.EqualTo((string[])["low/", "low/f=data", "up/", "up/g=data"]));
        Assert.That(tree[3], Has.Property("Mode").EqualTo(0x1A0).And.Property("Uid").EqualTo(5).And.Property("Links").EqualTo(2));
        Assert.That(result.DependsOnBase, Is.True);
    }

    /// <summary>A whiteout removes what lower layers have, a file or a whole directory .</summary>
    [Test]
    public async Task Whiteouts() => Assert.That(
        await NamesAsync(
            new TarBuilder().Directory("d").File("d/a").File("d/b").Directory("d/sub").File("d/sub/x").File("top"),
            new TarBuilder().Directory("d").Whiteout("d/a").Whiteout("d/sub").Whiteout("top").Whiteout("never")),
        Is.EqualTo((string[])["d/", "d/b="]));

    /// <summary>An opaque directory hides all of the lower layers and nothing of its own layer, before or behind the marker .</summary>
    /// <param name="markerFirst">Where the marker stands.</param>
    [TestCase(true)]
    [TestCase(false)]
    public async Task OpaqueDirectories(bool markerFirst)
    {
        TarBuilder low = new TarBuilder().Directory("d").File("d/low").Directory("d/both").File("d/both/low").Directory("d/gone").File("d/gone/x");
        TarBuilder up = new TarBuilder().Directory("d");
        if (markerFirst)
            up.Opaque("d");
        up.File("d/up").Directory("d/both").File("d/both/up");
        if (!markerFirst)
            up.Opaque("d");
        Assert.That(await NamesAsync(low, up), Is.EqualTo((string[])["d/", "d/both/", "d/both/up=", "d/up="]));
    }

    /// <summary>The root can be opaque too.</summary>
    [Test]
    public async Task OpaqueRoot() => Assert.That(
        await NamesAsync(new TarBuilder().File("low").Directory("d").File("d/low"), new TarBuilder().Directory("d").File("d/up").Opaque("").File("up")),
        Is.EqualTo((string[])["d/", "d/up=", "up="]));

    /// <summary>A whiteout and a new file of the same name in one layer: the new file stands, in either order.</summary>
    /// <param name="whiteoutFirst">Which comes first.</param>
    [TestCase(true)]
    [TestCase(false)]
    public async Task WhiteoutBesideItsOwnName(bool whiteoutFirst)
    {
        TarBuilder low = new TarBuilder().Directory("d").File("d/low").File("f", "low");
        TarBuilder up = new();
        if (whiteoutFirst)
            up.Whiteout("d").Whiteout("f");
        up.Directory("d").File("d/up").File("f", "up");
        if (!whiteoutFirst)
            up.Whiteout("d").Whiteout("f");
        Assert.That(await NamesAsync(low, up), Is.EqualTo((string[])["d/", "d/up=", "f=up"]));
    }

    /// <summary>A file comes back in a layer above the whiteout, and so does a directory, without its former content.</summary>
    [Test]
    public async Task ComingBackAfterAWhiteout() => Assert.That(
        await NamesAsync(
            new TarBuilder().Directory("d").File("d/first").File("f", "1"),
            new TarBuilder().Whiteout("d").Whiteout("f"),
            new TarBuilder().File("d/third").File("f", "3")),
        Is.EqualTo((string[])["d/", "d/third=", "f=3"]));

    /// <summary>Whiteouts of no name are refused .</summary>
    /// <param name="name">The marker.</param>
    [TestCase(".wh.")]
    [TestCase("d/.wh..")]
    [TestCase("d/.wh...")]
    public Task InvalidWhiteouts(string name) => RefusesAsync(ErrorKind.InvalidArgument, new TarBuilder().File("keep"), new TarBuilder().Directory("d").File(name));

    /// <summary>A parent that is a file is refused .</summary>
    [Test]
    public Task FileAsParent() => RefusesAsync(ErrorKind.InvalidArgument, new TarBuilder().File("f"), new TarBuilder().File("f/x"));

    /// <summary>A hard link to nothing, or to a directory, is refused.</summary>
    /// <param name="target">The target.</param>
    [TestCase("nothing")]
    [TestCase("d")]
    [TestCase("/")]
    public Task HardLinksThatCannotBe(string target) => RefusesAsync(ErrorKind.InvalidArgument, new TarBuilder().Directory("d").HardLink("h", target));

    /// <summary>No name, link or order of entries leads out of the tree; <see cref="RemoveScratch"/> checks that.</summary>
    [Test]
    public async Task NothingLeadsOutside()
    {
        string outside = Outside;
        string up = string.Concat(Enumerable.Repeat("../", 20));
        string[] names = await NamesAsync(
            new TarBuilder().File(outside + "/secret", "inside").SymbolicLink("abs", outside).SymbolicLink("rel", up + outside).SymbolicLink("file", outside + "/secret").SymbolicLink("self", "/proc/self/root" + outside),
            new TarBuilder()
                .File(up + outside + "/evil1").File(outside + "/evil2")
                .File("abs/evil3").File("rel/evil4").File("self/evil5")
                .File("file", "replaced").Directory("abs/").Whiteout("rel/secret").Opaque("self")
                .HardLink("hard", "rel/evil4"));
        Assert.That(names, Has.None.Contain("untouched").And.None.Contain("inside"));
        Assert.That(names, Does.Contain("file=replaced"));
    }

    /// <summary>A mode meant for a link never reaches what the link leads to (CVE-2021-32760).</summary>
    [Test]
    public async Task ModeOfAHardLinkToASymbolicLink()
    {
        (IReadOnlyList<TreeFile> tree, _) = await ApplyAsync(new TarBuilder()
            .SymbolicLink("link", Path.Join(Outside, "secret"))
            .HardLink("hard", "link", new TarEntryOptions { Mode = 0xFFF, Uid = 99 })
            .ToArray());
        Assert.That(tree.Select(file => file.Type), Is.EqualTo((char[])['l', 'l']));
        Assert.That(tree, Has.All.Property("Uid").EqualTo(99));
    }

    /// <summary>Names are bytes: line breaks, quotes, invalid UTF-8, 255 of them; a name longer than that is refused.</summary>
    [Test]
    public async Task NamesAreBytes()
    {
        byte[] odd = [(byte)'a', 10, 0xFF, 0xFE, (byte)'"', 0xC3, (byte)' ', 1];
        byte[] longest = [.. Enumerable.Repeat((byte)'n', 255)];
        (IReadOnlyList<TreeFile> tree, _) = await ApplyAsync(new TarBuilder().File(odd, []).File(longest, []).ToArray());
        Assert.That(tree.Select(file => System.Text.Encoding.Latin1.GetBytes(file.Path)), Is.EqualTo((byte[][])[odd, longest]));
        await RefusesAsync(ErrorKind.InvalidArgument, new TarBuilder().File(new string('n', 256)));
    }

    /// <summary>A path of as many bytes as the kernel takes is made; more is refused.</summary>
    [Test]
    public async Task LongPaths()
    {
        string path = string.Join('/', Enumerable.Repeat(new string('p', 200), 20))[..4000] + "/" + new string('f', 95);
        (IReadOnlyList<TreeFile> tree, _) = await ApplyAsync(new TarBuilder().File(path).ToArray());
        Assert.That(path, Has.Length.EqualTo(4096));
        Assert.That(tree[^1].Path, Is.EqualTo(path));
        await RefusesAsync(ErrorKind.ResourceExhausted, new TarBuilder().File(path + "f"));
    }

    /// <summary>An archive cut off inside an entry, or with a wrong checksum, is damaged.</summary>
    [Test]
    public void DamagedArchives()
    {
        byte[] archive = new TarBuilder().File("f", new string('x', 600)).ToArray();
        byte[] flipped = [.. archive];
        flipped[5] ^= 0x10;
        foreach (byte[] damaged in (byte[][])[archive[..100], archive[..512], archive[..1024], archive[..1100], flipped])
        {
            Assert.That(
                Assert.ThrowsAsync<ContainerdException>(() => ApplyAsync(damaged))!.Kind,
                Is.EqualTo(ErrorKind.DataCorrupted));
        }
    }

    /// <summary>A view cannot be applied to.</summary>
    [Test]
    public void ReadOnlyMountsAreRefused()
    {
        var descriptor = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = Digest.Sha256([]), Size = 0 };
        Assert.That(
            Assert.ThrowsAsync<ContainerdException>(() => CreateApplier().ApplyAsync(descriptor, Stream.Null, [Mount.Bind(Outside, readOnly: true)]))!.Kind,
            Is.EqualTo(ErrorKind.InvalidArgument));
    }

    /// <summary>Cancellation stops an application that would wait for more of the stream forever.</summary>
    [Test, CancelAfter(10_000)]
    public void Cancellation()
    {
        using var cancel = new CancellationTokenSource();
        byte[] start = new TarBuilder().File("f", "x").ToArrayWithoutEnd();
        Task<LayerApplyResult> applying = ApplyLayerAsync(new EndlessStream(start), 1 << 20, cancellationToken: cancel.Token);
        cancel.Cancel();
        Assert.That(async () => await applying, Throws.InstanceOf<OperationCanceledException>().With.Property("CancellationToken").EqualTo(cancel.Token));
    }

    private sealed class LastValue : IProgress<long>
    {
        public long Value { get; private set; } = -1;

        public void Report(long value) => Value = value;
    }

    // Gives some bytes and then none, ever.
    private sealed class EndlessStream(byte[] start) : MemoryStream(start)
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int length = Read(buffer.Span);
            if (length == 0)
                await Task.Delay(Timeout.Infinite, cancellationToken);
            return length;
        }
    }
}
