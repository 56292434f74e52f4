using System.Diagnostics;

namespace Containerd.Conformance;

/// <summary>What every <see cref="ILayerDiffer"/> does, whatever the mounts: subclass it once per implementation and form of tree.</summary>
/// <remarks>
/// <para>Trees are made by scripts, one for the tree before and one that changes it; layers are compared in the notation of <see cref="LayerEntry"/>.
/// The implementation has to write uncompressed layers (<see cref="MediaTypes.OciLayer"/>).</para>
/// <para>Runs as root, with bash, GNU coreutils, mount(8) and overlayfs. Works in a directory of its own under the temporary directory.</para>
/// </remarks>
/// <param name="form">
/// The mounts that are compared: two binds; an overlay and a bind of its lower directory; or both with a second mount in them, which nobody can look at without mounting.
/// </param>
/// <example>
/// <code>
/// [TestFixture(LayerTreeForm.Bind)]
/// [TestFixture(LayerTreeForm.Overlay)]
/// [TestFixture(LayerTreeForm.Mounted)]
/// public sealed class MyDifferTests(LayerTreeForm form) : LayerDifferConformance(form)
/// {
///     protected override ILayerDiffer CreateDiffer() => new MyDiffer();
/// }
/// </code>
/// </example>
[RequiresRoot]
[RequiresProgram("bash")]
[RequiresProgram("mount")]
[RequiresFileSystem("overlay")]
public abstract partial class LayerDifferConformance(LayerTreeForm form)
{
    private string _scratch = "";

    /// <summary>The form of the mounts that are compared.</summary>
    protected LayerTreeForm Form => form;

    /// <summary>The differ under test; with a mounter where the form is <see cref="LayerTreeForm.Mounted"/>.</summary>
    protected abstract ILayerDiffer CreateDiffer();

    /// <summary>Makes the scratch directory.</summary>
    [SetUp]
    public void MakeScratch()
    {
        _scratch = Directory.CreateTempSubdirectory("diff-").FullName;
        foreach (string directory in (string[])["lower", "upper", "work", "merged", "aside"])
            Directory.CreateDirectory(Place(directory));
        if (form == LayerTreeForm.Mounted)
            Directory.CreateDirectory(Place("lower/.aside"));
    }

    /// <summary>Removes the scratch directory.</summary>
    [TearDown]
    public void RemoveScratch() => Shell("/", $"rm -rf --one-file-system {_scratch}");

    /// <summary>The tree before.</summary>
    protected IReadOnlyList<Mount> Lower => WithAside(Mount.Bind(Place("lower"), readOnly: true));

    /// <summary>The tree after.</summary>
    protected IReadOnlyList<Mount> Upper => WithAside(form == LayerTreeForm.Bind ? Mount.Bind(Place("upper")) : Overlay.ToMount());

    /// <summary>Where files of the tree after are that were changed: a bind's source, or an overlay's upper directory.</summary>
    protected string UpperDirectory => Place("upper");

    private OverlayMount Overlay => new()
    {
        LowerDirectories = [Place("lower")],
        UpperDirectory = Place("upper"),
        WorkDirectory = Place("work"),
        Options = ["index=off"],
    };

    /// <summary>Makes the two trees.</summary>
    /// <param name="before">A script that makes the tree before, run in its directory.</param>
    /// <param name="after">A script that changes it.</param>
    /// <param name="change">Changes it further; given its directory.</param>
    /// <param name="prepare">Makes the tree before further; given its directory.</param>
    protected void MakeTrees(string before, string after, Action<string>? change = null, Action<string>? prepare = null)
    {
        Shell(Place("lower"), before);
        prepare?.Invoke(Place("lower"));
        if (form == LayerTreeForm.Bind)
        {
            Shell(_scratch, "cp -a lower/. upper/");
            Shell(Place("upper"), after);
            change?.Invoke(Place("upper"));
            return;
        }
        Shell("/", $"mount -t overlay overlay -o {string.Join(',', Overlay.ToMount().Options)} {Place("merged")}");
        try
        {
            Shell(Place("merged"), after);
            change?.Invoke(Place("merged"));
        }
        finally
        {
            Shell("/", $"umount {Place("merged")}");
        }
    }

    /// <summary>Makes the two trees and writes the layer between them.</summary>
    /// <param name="before">A script that makes the tree before, run in its directory.</param>
    /// <param name="after">A script that changes it.</param>
    /// <param name="change">Changes it further; given its directory.</param>
    /// <param name="prepare">Makes the tree before further; given its directory.</param>
    protected async Task<IReadOnlyList<LayerEntry>> EntriesAsync(string before, string after, Action<string>? change = null, Action<string>? prepare = null)
    {
        MakeTrees(before, after, change, prepare);
        return LayerEntry.ReadAll((await DiffAsync()).Layer);
    }

    /// <summary>The entries of the layer between two trees in the notation of <see cref="LayerEntry"/>.</summary>
    /// <param name="before">A script that makes the tree before, run in its directory.</param>
    /// <param name="after">A script that changes it.</param>
    /// <param name="change">Changes it further; given its directory.</param>
    /// <param name="prepare">Makes the tree before further; given its directory.</param>
    protected async Task<string[]> NamesAsync(string before, string after, Action<string>? change = null, Action<string>? prepare = null) =>
        [.. (await EntriesAsync(before, after, change, prepare)).Select(entry => entry.ToString())];

    /// <summary>Writes the layer between the two trees.</summary>
    /// <param name="options">How it is written; uncompressed where null.</param>
    protected async Task<(byte[] Layer, LayerDiffResult Result)> DiffAsync(LayerDiffOptions? options = null)
    {
        using var destination = new MemoryStream();
        LayerDiffResult result = await CreateDiffer().DiffAsync(Lower, Upper, destination, options ?? Uncompressed);
        return (destination.ToArray(), result);
    }

    /// <summary>Writes a layer that must be refused.</summary>
    /// <param name="kind">Why.</param>
    /// <param name="before">A script that makes the tree before, run in its directory.</param>
    /// <param name="after">A script that changes it.</param>
    protected void Refuses(ErrorKind kind, string before, string after)
    {
        MakeTrees(before, after);
        ContainerdException? refused = Assert.ThrowsAsync<ContainerdException>(() => DiffAsync());
        Assert.That(refused!.Kind, Is.EqualTo(kind), refused.Message);
    }

    /// <summary>The options of an uncompressed layer.</summary>
    protected static LayerDiffOptions Uncompressed { get; } = new() { MediaType = MediaTypes.OciLayer };

    /// <summary>Runs a script in a directory.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="script">The script, for bash.</param>
    protected static void Shell(string directory, string script)
    {
        var start = new ProcessStartInfo("bash", ["-ec", script]) { WorkingDirectory = directory, RedirectStandardError = true };
        start.Environment["LC_ALL"] = "C"; // names are bytes
        using Process process = Process.Start(start)!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, $"{script}: {errors}");
    }

    private string Place(string name) => Path.Join(_scratch, name);

    private IReadOnlyList<Mount> WithAside(Mount mount) =>
        form == LayerTreeForm.Mounted ? [mount, Mount.Bind(Place("aside")) with { Target = "/.aside" }] : [mount];
}
