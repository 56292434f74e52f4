using System.Diagnostics;
using System.Text;

namespace Containerd.Conformance;

/// <summary>What every <see cref="IFileTreeCopier"/> does: subclass it once per implementation, and per pair of file systems if they matter to it.</summary>
/// <remarks>Runs as root on Linux, with GNU coreutils, find and tar and a shell. Works in a directory of its own under each of the two parents.</remarks>
/// <example>
/// <code>
/// public sealed class MyCopierTests : FileTreeCopierConformance
/// {
///     protected override IFileTreeCopier CreateCopier() => new MyCopier();
/// }
/// </code>
/// </example>
[RequiresRoot]
[RequiresProgram("bash")]
[RequiresProgram("cp")]
[RequiresProgram("find")]
[RequiresProgram("tar")]
public abstract partial class FileTreeCopierConformance
{
    private string _sourceScratch = "", _scratch = "";

    /// <summary>The copier under test.</summary>
    protected abstract IFileTreeCopier CreateCopier();

    /// <summary>Where sources are made: the temporary directory.</summary>
    protected virtual string SourceParent => Path.GetTempPath();

    /// <summary>Where copies are made: the temporary directory. The file system must hold all that Linux file systems commonly do.</summary>
    protected virtual string DestinationParent => Path.GetTempPath();

    /// <summary>The directory that is copied; empty at first.</summary>
    protected string Source => Path.Join(_sourceScratch, "source");

    /// <summary>The directory that is copied to; missing at first.</summary>
    protected string Destination => Path.Join(_scratch, "destination");

    /// <summary>Makes the directories.</summary>
    [SetUp]
    public void MakeScratch()
    {
        _sourceScratch = Directory.CreateDirectory(Path.Join(SourceParent, $"copy-{Guid.NewGuid():n}")).FullName;
        _scratch = Directory.CreateDirectory(Path.Join(DestinationParent, $"copy-{Guid.NewGuid():n}")).FullName;
        Directory.CreateDirectory(Source);
    }

    /// <summary>Removes the directories, and what is mounted there.</summary>
    [TearDown]
    public void RemoveScratch()
    {
        string directories = $"'{_sourceScratch}' '{_scratch}'"; // the BCL cannot delete names that are not UTF-8
        Shell($"for d in {directories}; do grep -F \" $d/\" /proc/self/mounts | cut -d' ' -f2 | xargs -r umount -l; done; rm -rf --one-file-system {directories}");
    }

    /// <summary>Copies the source to the destination.</summary>
    /// <param name="options">What to copy.</param>
    protected Task<FileTreeCopyProgress> CopyAsync(FileTreeCopyOptions? options = null) => CreateCopier().CopyAsync(Source, Destination, options);

    /// <summary>Copies the source to the destination, which must fail.</summary>
    /// <param name="kind">Of what kind.</param>
    /// <param name="options">What to copy.</param>
    protected ContainerdException CopyFails(ErrorKind kind, FileTreeCopyOptions? options = null)
    {
        ContainerdException failure = Assert.ThrowsAsync<ContainerdException>(() => CopyAsync(options))!;
        Assert.That(failure.Kind, Is.EqualTo(kind), failure.Message);
        return failure;
    }

    /// <summary>Runs a script in bash, in the source's parent, with the variables <c>source</c> and <c>destination</c>, and gives what it printed.</summary>
    /// <param name="script">The script; the first command of it that fails ends it and the test.</param>
    protected string Shell(string script)
    {
        var start = new ProcessStartInfo("bash", ["-ec", script]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _sourceScratch };
        start.Environment["source"] = Source;
        start.Environment["destination"] = Destination;
        start.StandardOutputEncoding = Encoding.Latin1;
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, errors.GetAwaiter().GetResult());
        return output;
    }

    /// <summary>The paths in the destination, directories with a slash, sorted.</summary>
    protected string Paths() => Shell("cd \"$destination\"; find . -mindepth 1 \\( -type d -printf '%P/\\n' -o -printf '%P\\n' \\) | LC_ALL=C sort | paste -sd' '").TrimEnd();
}
