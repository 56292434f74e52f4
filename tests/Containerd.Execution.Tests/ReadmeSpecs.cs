using Microsoft.Extensions.DependencyInjection;

namespace Containerd.Execution.Tests;

// What the README shows, kept compiling and true.
public sealed class ReadmeSpecs : ContainerFixture
{
    [Test]
    public async Task ExampleWorks()
    {
        var host = TestHosts.Create(StateRoot, RuntimeRoot, CgroupParent);
        var image = new ImageConfig { Env = ["PATH=/bin"], Entrypoint = ["/no/such"] };
        await host.CleanupAsync();
        await using Container job = await host.CreateAsync("job-42", Overlay(), spec => spec
                .WithImageConfig(image)
                .WithArgs("sh", "-c", "echo $CI")
                .WithEnv("CI", "true")
                .WithMemoryLimit(512 << 20),
            new ContainerOptions { Stdio = ContainerStdio.OutputPipes });

        CapturedOutput output = await job.RunAndCaptureAsync();
        Assert.That(output.Exit.Code, Is.Zero);
        Assert.That(output.StandardOutput, Is.EqualTo("true\n"));
    }

    [Test]
    public void ServicesAreRegistered()
    {
        var services = new ServiceCollection();
        services.AddSingleton<IMounter>(new TestMounter()).AddContainerdExecution(options => options.StateRoot = StateRoot);
        Assert.That(services.Select(service => service.ServiceType), Does.Contain(typeof(ContainerHost)).And.Contain(typeof(IOciRuntime)));
    }
}
