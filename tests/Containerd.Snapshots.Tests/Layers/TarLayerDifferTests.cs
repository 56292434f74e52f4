using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>What the differ here does besides what every differ does: overlays' own ways of keeping changes, compressions, trees that are out to hurt.</summary>
[RequiresRoot]
[RequiresFileSystem("overlay")]
public sealed class TarLayerDifferTests
{
    private LayerScratch _scratch = null!;

    [SetUp]
    public void MakeScratch()
    {
        _scratch = new LayerScratch();
        _scratch.Shell("mkdir lower upper work merged");
    }

    [TearDown]
    public void RemoveScratch() => _scratch.Dispose();

    [TestCase("redirect_dir=on")]
    [TestCase("redirect_dir=follow")] // the upper directory alone, but for what was renamed
    public async Task Renamed_directories_are_compared_as_the_kernel_shows_them(string option)
    {
        Change("mkdir -p d/sub; printf a > d/a; printf b > d/b; printf x > d/sub/x; mkdir e; printf old > e/old", "rm -r e; mv d e; printf c > e/c; rm e/a; chmod 700 e/sub", "redirect_dir=on");
        Assert.That(await DiffAsync([option]), Is.EqualTo((string[])["-d", "e/", "e/b=b", "e/c=c", "-e/old", "e/sub/", "e/sub/x=x"]));
    }

    [Test]
    public async Task Data_that_was_not_copied_is_read_where_it_lies()
    {
        Change("printf data > f; printf other > g; printf same > h; touch -d @1000000000 *", "chmod 600 f; mv g moved; chmod 600 h; chmod 644 h", "metacopy=on,redirect_dir=on");
        Assert.That(_scratch.Shell("wc -c < upper/f; tr -d '\\0' < upper/f | wc -c").Split('\n')[..2], Is.EqualTo((string[])["4", "0"]), "the upper directory has no data");
        Assert.That(await DiffAsync(["metacopy=on", "redirect_dir=on"]), Is.EqualTo((string[])["f=data", "-g", "moved=other"]));
    }

    // The option may be gone when the layer is made: that there was one is seen in the files alone.
    [Test]
    public async Task Data_that_an_earlier_mount_did_not_copy_is_never_taken_for_empty()
    {
        Change("printf data > f; touch -d @1000000000 f", "chmod 600 f", "metacopy=on,redirect_dir=on");
        ContainerdException refused = await RefusesAsync([], new LinuxMounter());
        Assert.That(refused.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(refused.Message, Does.Contain("'f'").And.Contain("metacopy=on"));
        Assert.That((await RefusesAsync([], null)).Message, Does.Contain("mounter"));
        Assert.That(await DiffAsync(["metacopy=on", "redirect_dir=on"]), Is.EqualTo((string[])["f=data"]));
    }

    [Test]
    public async Task Names_that_only_an_index_knows_change_too()
    {
        Change("printf old > a; ln a b; mkdir d; ln a d/c", "printf new > b", "index=on");
        Assert.That(await DiffAsync(["index=on"]), Is.EqualTo((string[])["a=new", "b=>a", "d/", "d/c=>a"]));
        // Without the option they cannot be known, only that there are such.
        Assert.That((await RefusesAsync(["index=off"], new LinuxMounter())).Kind, Is.EqualTo(ErrorKind.NotSupported));
    }

    [Test]
    public async Task Opaque_directories_stay_opaque()
    {
        Change("mkdir -p d/sub new; : > d/a; : > d/sub/b", "rm -r d; mkdir d new/fresh; : > d/c");
        Assert.That(await DiffAsync([]), Is.EqualTo((string[])["d/", "-d/*", "d/c=", "new/", "new/fresh/"]), "what is new hides nothing");
    }

    [Test]
    public async Task Whiteouts_of_nothing_are_left_out()
    {
        _scratch.Shell("mkdir upper/d; mknod upper/d/x c 0 0; mknod upper/y c 0 0; mkdir lower/e; mknod upper/e c 0 0");
        Assert.That(await DiffAsync([]), Is.EqualTo((string[])["d/", "-e"]));
    }

    // How an overlay in an overlay keeps whiteouts.
    [Test]
    public async Task Whiteouts_by_attribute()
    {
        _scratch.Shell("mkdir lower/d upper/d; : > lower/d/gone; : > lower/d/kept; : > upper/d/gone; : > upper/d/empty");
        FileXattr.Set(Path.Join(_scratch.Root, "upper/d"), "trusted.overlay.opaque", "x"u8.ToArray());
        FileXattr.Set(Path.Join(_scratch.Root, "upper/d/gone"), "trusted.overlay.whiteout", "y"u8.ToArray());
        Assert.That(await DiffAsync([]), Is.EqualTo((string[])["d/", "d/empty=", "-d/gone"]));
    }

    [Test]
    public async Task Directories_that_no_layer_describes_are_those_of_the_tree_before()
    {
        _scratch.Shell("mkdir -p lower/a upper/a/b; chmod 700 lower/a; chown 5:6 lower/a; touch -d @1000000000 lower/a; printf x > upper/a/b/f");
        foreach (string directory in (string[])["upper/a", "upper/a/b"])
            FileXattr.Set(Path.Join(_scratch.Root, directory), "trusted.overlay.containerd.implied", "y"u8.ToArray());
        IReadOnlyList<LayerEntry> entries = LayerEntry.ReadAll(await WriteAsync(Lower, Upper([]), null));
        Assert.That(entries.Select(entry => entry.ToString()), Is.EqualTo((string[])["a/", "a/b/", "a/b/f=x"]));
        Assert.That(entries[0], Is.EqualTo(entries[0] with { Mode = 0x1C0, Uid = 5, Gid = 6, ModifyTime = "1000000000" }));
        Assert.That(entries[1].Mode, Is.EqualTo(0x1ED));
        _scratch.Shell("rm upper/a/b/f; rmdir upper/a/b");
        Assert.That(await DiffAsync([]), Is.Empty);
    }

    [Test]
    public async Task Snapshots_are_compared_without_mounting_them()
    {
        await using var snapshotter = new OverlaySnapshotter(Path.Join(_scratch.Root, "store"));
        string parent = Path.Join(_scratch.Root, "parent");
        foreach ((string name, string? beneath, string change) in ((string, string?, string)[])[("1", null, "mkdir d; : > d/low"), ("2", "1", "rm d/low; : > d/up"), ("3", "2", ": > top")])
        {
            using (IDetachedMount tree = new LinuxMounter().MountDetached(await snapshotter.PrepareAsync("work", beneath)))
                _scratch.Run("bash", "-ec", $"cd /proc/{Environment.ProcessId}/fd/{Path.GetFileName(tree.Path)}; {change}");
            await snapshotter.CommitAsync(name, "work");
        }
        IReadOnlyList<Mount> one = await snapshotter.ViewAsync("v1", "1"), two = await snapshotter.ViewAsync("v2", "2"), three = await snapshotter.ViewAsync("v3", "3");
        Assert.That(Names(await WriteAsync([], one, null)), Is.EqualTo((string[])["d/", "d/low="]));
        Assert.That(Names(await WriteAsync(one, two, null)), Is.EqualTo((string[])["d/", "-d/low", "d/up="]));
        Assert.That(Names(await WriteAsync(two, three, null)), Is.EqualTo((string[])["top="]));
        Assert.That(Names(await WriteAsync(one, three, new LinuxMounter())), Is.EqualTo((string[])["d/", "-d/low", "d/up=", "top="]));
        Assert.That(Names(await WriteAsync(two, await snapshotter.PrepareAsync("active", "2"), null)), Is.Empty);
    }

    [Test]
    public async Task What_must_be_mounted_needs_a_mounter()
    {
        Mount tmpfs = new() { Type = "tmpfs", Source = "tmpfs" };
        Assert.That(async () => await WriteAsync([], [tmpfs], null), Throws.InstanceOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.NotSupported));
        Assert.That(Names(await WriteAsync([], [tmpfs], new LinuxMounter())), Is.Empty);
    }

    [Test]
    public void Views_cannot_write_and_have_the_owners_on_disk()
    {
        var overlay = new OverlayMount { LowerDirectories = ["/l,1", "/l:2"], UpperDirectory = "/u", WorkDirectory = "/w", Options = ["volatile", "index=off", "redirect_dir=on"] };
        Mount mapped = overlay.ToMount() with { Options = ["uidmap=0:1:2,gidmap=0:1:2", .. overlay.ToMount().Options], Target = "/x" };
        Assert.That(ReadOnlyView.ToReadOnly(mapped), Is.EqualTo(
            new OverlayMount { LowerDirectories = ["/u", "/l,1", "/l:2"], Options = ["redirect_dir=on", "ro"] }.ToMount() with { Target = "/x" }));
        Assert.That(ReadOnlyView.ToReadOnly(Mount.Bind("/s")), Is.EqualTo(new Mount { Type = "bind", Source = "/s", Options = ["rbind", "ro"] }));
    }

    [Test]
    public void A_device_that_is_a_whiteout_is_refused_in_a_plain_tree()
    {
        _scratch.Shell("mknod upper/x c 0 0");
        Assert.That(
            async () => await WriteAsync(Lower, [Mount.Bind(Path.Join(_scratch.Root, "upper"))], null),
            Throws.InstanceOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.InvalidArgument));
    }

    /// <summary>What is mounted in a bind is neither in the layer nor left out of it unsaid.</summary>
    [TestCase("d")]
    [TestCase("f")]
    public void What_is_mounted_in_a_bind_is_refused(string name)
    {
        _scratch.Shell($"mkdir upper/d aside; printf 1 > upper/f; : > other; mount --bind {(name == "d" ? "aside" : "other")} upper/{name}");
        try
        {
            Assert.That(
                () => WriteAsync(Lower, [Mount.Bind(Path.Join(_scratch.Root, "upper"))], null),
                Throws.InstanceOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.FailedPrecondition).And.Property("Subject").EqualTo(name));
        }
        finally
        {
            _scratch.Shell($"umount upper/{name}");
        }
    }

    [Test]
    public void Paths_that_nobody_could_extract_are_refused()
    {
        _scratch.Shell("cd upper; for i in $(seq 21); do mkdir $(printf 'd%.0s' {1..200}); cd -P $(printf 'd%.0s' {1..200}); done");
        ContainerdException? refused = Assert.ThrowsAsync<ContainerdException>(() => WriteAsync(Lower, [Mount.Bind(Path.Join(_scratch.Root, "upper"))], null));
        _scratch.Shell("rm -rf upper"); // the BCL cannot
        Assert.That(refused!.Kind, Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That(refused.Message, Has.Length.LessThan(1000));
    }

    [Test]
    public async Task Compressions_are_chosen_by_media_type()
    {
        _scratch.Shell("head -c 3000000 /dev/urandom > upper/f");
        IReadOnlyList<Mount> upper = [Mount.Bind(Path.Join(_scratch.Root, "upper"))];
        byte[] plain = await WriteAsync([], upper, null);
        using var destination = new MemoryStream();
        LayerDiffResult result = await Reversing(new ReversingCompression()).DiffAsync([], upper, destination, new LayerDiffOptions { MediaType = ReversingCompression.MediaType, CompressionLevel = 7 });
        Assert.Multiple(() =>
        {
            Assert.That(destination.ToArray()[1..].Select(value => (byte)~value), Is.EqualTo(plain));
            Assert.That(destination.ToArray()[0], Is.EqualTo(7));
            Assert.That(result, Is.EqualTo(new LayerDiffResult(
                new Descriptor { MediaType = ReversingCompression.MediaType, Digest = Digest.Sha256(destination.ToArray()), Size = plain.Length + 1 }, Digest.Sha256(plain), plain.Length)));
        });
    }

    [TestCase(MediaTypes.OciLayerGzip, null)]
    [TestCase(MediaTypes.DockerLayerGzip, 1)]
    [TestCase(MediaTypes.OciLayerZstd, 3)]
    public async Task Compressed_layers_are_applied_to_the_same_tree(string mediaType, int? level)
    {
        _scratch.Shell("seq 1 300000 > upper/numbers; head -c 3000000 /dev/urandom > upper/noise; mkdir upper/d; ln upper/noise upper/d/link");
        IReadOnlyList<Mount> upper = [Mount.Bind(Path.Join(_scratch.Root, "upper"))];
        using var layer = new MemoryStream();
        LayerDiffResult result = await new TarLayerDiffer().DiffAsync([], upper, layer, new LayerDiffOptions { MediaType = mediaType, CompressionLevel = level });
        Assert.That(result.Layer, Is.EqualTo(new Descriptor { MediaType = mediaType, Digest = Digest.Sha256(layer.ToArray()), Size = layer.Length }));
        Assert.That(result.DiffId, Is.EqualTo(Digest.Sha256(await WriteAsync([], upper, null))));
        layer.Position = 0;
        LayerApplyResult applied = await _scratch.ApplyAsync(layer);
        Assert.That(applied.DiffId, Is.EqualTo(result.DiffId));
        Assert.That(applied.Size, Is.EqualTo(result.UncompressedSize));
        Assert.That(TreeText.Of(_scratch.Tree), Is.EqualTo(TreeText.Of(Path.Join(_scratch.Root, "upper"))));
    }

    [Test, CancelAfter(20_000)]
    public void Compressions_that_fail_or_end_too_early_make_no_layer()
    {
        _scratch.Shell("head -c 9000000 /dev/urandom > upper/f");
        IReadOnlyList<Mount> upper = [Mount.Bind(Path.Join(_scratch.Root, "upper"))];
        var options = new LayerDiffOptions { MediaType = ReversingCompression.MediaType };
        foreach (long end in (long[])[1, 5_000_000])
        {
            Assert.That(
                async () => await Reversing(new ReversingCompression { EndsAfter = end }).DiffAsync([], upper, Stream.Null, options),
                Throws.InvalidOperationException.With.Message.Contains("reversed"));
        }
        var failure = new NotSupportedException("mine");
        Assert.That(
            async () => await Reversing(new ReversingCompression { Failure = failure }).DiffAsync([], upper, Stream.Null, options), Throws.Exception.SameAs(failure));
        Assert.That(
            async () => await new TarLayerDiffer().DiffAsync([], upper, Stream.Null, new LayerDiffOptions { MediaType = MediaTypes.OciLayer, CompressionLevel = 1 }),
            Throws.InstanceOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.InvalidArgument));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_link_swapped_in_never_leads_out()
    {
        string upper = Path.Join(_scratch.Root, "upper");
        _scratch.Shell("mkdir outside; printf secret > outside/f; mkdir upper/d; printf inside > upper/d/f; ln -s ../outside upper/link; ln -s ../../outside/f upper/flink; ln -s /etc upper/d2");
        using var stop = new CancellationTokenSource();
        using Microsoft.Win32.SafeHandles.SafeFileHandle directory = MountStack.Open(upper);
        Task swapping = Task.Factory.StartNew(
            () =>
            {
                using Microsoft.Win32.SafeHandles.SafeFileHandle inner = MountStack.Open(Path.Join(upper, "d"));
                for (; !stop.IsCancellationRequested;)
                {
                    Interop.Sys.Rename(directory, "d", directory, "aside");
                    Interop.Sys.Rename(directory, "link", directory, "d");
                    Interop.Sys.Rename(inner, "f", inner, "faside");
                    Interop.Sys.Rename(directory, "flink", inner, "f");
                    Interop.Sys.Rename(inner, "f", directory, "flink");
                    Interop.Sys.Rename(inner, "faside", inner, "f");
                    Interop.Sys.Rename(directory, "d", directory, "link");
                    Interop.Sys.Rename(directory, "aside", directory, "d");
                }
            },
            TaskCreationOptions.LongRunning);
        int written = 0, refused = 0;
        for (int i = 0; i < 1000; i++)
        {
            try
            {
                byte[] layer = await WriteAsync([], [Mount.Bind(upper)], null);
                Assert.That(layer.AsSpan().IndexOf("secret"u8), Is.Negative);
                written++;
            }
            catch (ContainerdException e) when (e.Kind == ErrorKind.FailedPrecondition)
            {
                refused++;
            }
        }
        await stop.CancelAsync();
        await swapping;
        Assert.That(refused, Is.Positive, $"{written} written");
    }

    private IReadOnlyList<Mount> Lower => [Mount.Bind(Path.Join(_scratch.Root, "lower"))];

    private IReadOnlyList<Mount> Upper(string[] options) =>
    [
        new OverlayMount
        {
            LowerDirectories = [Path.Join(_scratch.Root, "lower")],
            UpperDirectory = Path.Join(_scratch.Root, "upper"),
            WorkDirectory = Path.Join(_scratch.Root, "work"),
            Options = [.. options],
        }.ToMount(),
    ];

    private void Change(string before, string after, string options = "index=off") => _scratch.Shell($"""
        (cd lower; {before})
        mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work,{options} merged
        trap 'umount merged' EXIT
        (cd merged; {after})
        """);

    private async Task<string[]> DiffAsync(string[] options) => Names(await WriteAsync(Lower, Upper(options), new LinuxMounter()));

    private async Task<ContainerdException> RefusesAsync(string[] options, IMounter? mounter)
    {
        try
        {
            await WriteAsync(Lower, Upper(options), mounter);
        }
        catch (ContainerdException e)
        {
            return e;
        }
        throw new AssertionException("It was not refused.");
    }

    private static async Task<byte[]> WriteAsync(IReadOnlyList<Mount> lower, IReadOnlyList<Mount> upper, IMounter? mounter)
    {
        using var layer = new MemoryStream();
        await new TarLayerDiffer(mounter: mounter).DiffAsync(lower, upper, layer, new LayerDiffOptions { MediaType = MediaTypes.OciLayer });
        return layer.ToArray();
    }

    private static TarLayerDiffer Reversing(ReversingCompression compression) => new(new TarLayerDifferOptions { Compressions = [compression] });

    private static string[] Names(byte[] layer) => [.. LayerEntry.ReadAll(layer).Select(entry => entry.ToString())];
}
