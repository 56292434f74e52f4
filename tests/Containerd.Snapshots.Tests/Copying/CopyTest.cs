using System.Diagnostics;
using Containerd.Conformance;

namespace Containerd.Snapshots;

/// <summary>A test with two trees, which go with everything mounted in them.</summary>
[RequiresRoot]
public abstract class CopyTest
{
    protected string Scratch { get; private set; } = "";

    protected string Source => Path.Join(Scratch, "source");

    protected string Destination => Path.Join(Scratch, "destination");

    protected string Outside => Path.Join(Scratch, "outside");

    [SetUp]
    public void MakeScratch()
    {
        Scratch = Directory.CreateDirectory($"/dev/shm/copy-{Guid.NewGuid():n}").FullName;
        Directory.CreateDirectory(Source);
        Directory.CreateDirectory(Outside);
    }

    [TearDown]
    public void RemoveScratch()
    {
        new LinuxMounter().Unmount(Scratch, UnmountOptions.Recursive | UnmountOptions.Lazy);
        using Process removal = Process.Start("rm", ["-rf", "--one-file-system", Scratch]); // the BCL cannot delete names that are not UTF-8
        removal.WaitForExit();
        Assert.That(removal.ExitCode, Is.Zero);
    }

    protected static FileTreeCopier Copier(int parallelism = 2) => new(new FileTreeCopierOptions { Parallelism = parallelism });

    protected ContainerdException CopyFails(ErrorKind kind, FileTreeCopyOptions? options = null, IProgress<FileTreeCopyProgress>? progress = null, int parallelism = 2)
    {
        ContainerdException failure = Assert.Throws<ContainerdException>(() => Copier(parallelism).Copy(Source, Destination, options, progress))!;
        Assert.That(failure.Kind, Is.EqualTo(kind), failure.Message);
        return failure;
    }

    /// <summary>Runs a script in bash, in the scratch directory.</summary>
    protected string Shell(string script)
    {
        var start = new ProcessStartInfo("bash", ["-ec", script]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Scratch };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, errors.GetAwaiter().GetResult());
        return output;
    }

    protected sealed class Once(Action action) : IProgress<FileTreeCopyProgress>
    {
        private int _done;

        public void Report(FileTreeCopyProgress value)
        {
            if (Interlocked.Exchange(ref _done, 1) == 0)
                action();
        }
    }
}
